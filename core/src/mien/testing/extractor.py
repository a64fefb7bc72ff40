"""Contract tests of extractors: `class TestMine(ExtractorContract): name = "mine"`."""

from typing import Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, Landmarks, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.counted import counted
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE
from mien.geometry.boxes import is_same_face
from mien.plugins.registry import Registry
from mien.testing.images import no_face, portraits, side_by_side
from mien.testing.plugin import PluginContract, in_fresh_process

_NEAR = 0.25
"""Landmarks of another extractor lie within this share of the distance between the eyes, on the mean."""
_FIVE = "five"


class ExtractorContract(PluginContract):
    """What every extractor has to keep. Subclass it in a test file of the plugin; nothing else is needed.

    Checks that do not apply are skipped with a reason: those of landmarks for one that knows boxes alone, those of
    finding for one that measures only.
    """

    kind: ClassVar[str] = "extractor"

    def create(self) -> Extractor:
        """A new extractor with the settings of the test."""
        return cast(Extractor, super().create())

    def finder(self) -> Extractor:
        """The same; skips the test if it finds no faces by itself."""
        extractor = self.create()
        if not extractor.can_find():
            pytest.skip("It has no extract(): it measures faces that others find.")
        return extractor

    def test_finds_the_face_of_a_portrait(self) -> None:
        """One, with its box where the face is."""
        extractor = self.finder()
        for portrait in portraits():
            faces = _checked(extractor.extract(portrait.image), portrait.image)
            assert len(faces) == 1, f"extract() finds {counted(len(faces), 'face')} in a portrait of one."
            _assert_holds(faces[0].box, portrait.landmarks)

    def test_landmarks_are_in_ibug_order(self) -> None:
        """68 of them, in pixels of the image."""
        extractor = self.finder()
        for portrait in portraits():
            for face in extractor.extract(portrait.image):
                _assert_near(_landmarks_of(face), portrait.landmarks)

    def test_five_points_lie_on_eyes_nose_and_mouth(self) -> None:
        """Of each pair the one on the left of the image first."""
        extractor = self.finder()
        for portrait in portraits():
            for face in extractor.extract(portrait.image):
                if _FIVE not in face.points:
                    pytest.skip(f'Its faces have no points["{_FIVE}"].')
                _assert_five_near(face.points[_FIVE], portrait.landmarks)

    def test_scores_lie_between_0_and_1(self) -> None:
        """And a portrait is a face rather than none."""
        extractor = self.finder()
        scores = [face.score for portrait in portraits() for face in extractor.extract(portrait.image)]
        assert all(0 <= score <= 1 for score in scores), f"Scores have to lie in [0, 1]; these are {scores}."
        assert min(scores) > 0.5, f"½ means as likely a face as not; the portraits' scores are {scores}."

    def test_measures_a_face_that_another_has_found(self) -> None:
        """By its box alone, whoever drew it; box and score stay."""
        extractor = self.create()
        if not extractor.can_measure() and all(
            face.landmarks is None for portrait in portraits() for face in extractor.extract(portrait.image)
        ):
            pytest.skip("It knows boxes alone, and has no measure().")
        for portrait in portraits():
            for widened in (0.0, 0.15):
                given = Face(_box_around(portrait.landmarks, widened), None, 0.75)
                measured = extractor.measure(portrait.image, [given])
                assert len(measured) == 1, f"measure() gives {len(measured)} answers for one face."
                face = measured[0]
                assert face is not None, f"measure() finds no landmarks in the box {given.box} of a portrait."
                (face,) = _checked([face], portrait.image)
                assert face.box == given.box and face.score == given.score, "measure() has to leave box and score."
                _assert_near(_landmarks_of(face), portrait.landmarks)

    def test_measuring_answers_each_face_in_order_and_none_for_what_is_no_face(self) -> None:
        """None, or whatever landmarks it gives: one answer a face, and the image and the faces stay."""
        extractor, (left, right) = self.create(), portraits()
        image = side_by_side(left.image, right.image)
        shift = np.array([left.image.shape[1], 0], np.float32)
        expected = [right.landmarks + shift, left.landmarks]
        given = [Face(_box_around(landmarks, 0.0), None, 0.75) for landmarks in expected]
        before = image.copy()
        assert extractor.measure(image, []) == [], "measure() of no faces has to be []."
        measured = extractor.measure(image, given)
        assert np.array_equal(image, before), "measure() has changed its image; work on a copy."
        assert len(measured) == 2, f"measure() gives {len(measured)} answers for two faces."
        for face, landmarks in zip(measured, expected, strict=True):
            if face is not None and face.landmarks is not None:
                _assert_near(face.landmarks, landmarks)
        corner = Face(Box(0, 0, 1, 1), None, 0.75)
        nobody = extractor.measure(np.full((8, 8, 3), 200, np.uint8), [corner])
        assert len(nobody) == 1, f"measure() gives {len(nobody)} answers for one face."

    def test_finds_nothing_where_there_is_no_face(self) -> None:
        """An empty list, not an error."""
        assert self.finder().extract(no_face()) == [], "extract() has to return [] for an image without a face."

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (17, 23)])
    def test_an_image_of_any_size_will_do(self, shape: tuple[int, int]) -> None:
        """From a single pixel on."""
        assert self.finder().extract(np.full((*shape, 3), 200, np.uint8)) == []

    def test_finds_both_faces_surest_first(self) -> None:
        """Each where it is."""
        left, right = portraits()
        image = side_by_side(left.image, right.image)
        faces = _checked(self.finder().extract(image), image)
        assert len(faces) == 2, f"extract() finds {counted(len(faces), 'face')} in an image of two."
        scores = [face.score for face in faces]
        assert scores == sorted(scores, reverse=True), f"Return the surest face first; the scores are {scores}."
        first, second = sorted(faces, key=lambda face: face.box.left)
        _assert_holds(first.box, left.landmarks)
        _assert_holds(second.box, right.landmarks + np.array([left.image.shape[1], 0], np.float32))

    @pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
    def test_a_face_cut_in_half_by_the_border_does_no_harm(self, side: str) -> None:
        """Whether it is found or not."""
        portrait = portraits()[0]
        x, y = (round(float(middle)) for middle in portrait.landmarks.mean(0))
        columns = {"left": slice(x, None), "right": slice(None, x)}.get(side, slice(None))
        rows = {"top": slice(y, None), "bottom": slice(None, y)}.get(side, slice(None))
        image = np.ascontiguousarray(portrait.image[rows, columns])
        _checked(self.finder().extract(image), image)

    def test_finds_the_face_of_a_gray_image(self) -> None:
        """Three equal channels."""
        portrait = portraits()[0]
        gray = portrait.image.mean(2).astype(np.uint8)
        image = np.repeat(gray[..., None], 3, axis=2)
        faces = _checked(self.finder().extract(image), image)
        assert len(faces) == 1, f"extract() finds {counted(len(faces), 'face')} in a gray portrait."
        _assert_holds(faces[0].box, portrait.landmarks)

    def test_leaves_the_image_as_it_was(self) -> None:
        """Even if it could write into it."""
        image = portraits()[0].image
        before = image.copy()
        self.finder().extract(image)
        assert np.array_equal(image, before), "extract() has changed its image; work on a copy."

    def test_how_an_image_lies_in_memory_does_not_matter(self) -> None:
        """Padded rows, as video decoders give them; and memory that may not be written."""
        image = portraits()[0].image
        expected = self.finder().extract(image)
        height, width = image.shape[:2]
        padded = np.zeros((height, width + 16, 3), np.uint8)[:, :width]
        padded[:] = image
        read_only = image.copy()
        read_only.setflags(write=False)
        _assert_same(self.create().extract(padded), expected, "of a view; call np.ascontiguousarray(image) first")
        _assert_same(self.create().extract(read_only), expected, "of an array that may not be written")

    def test_the_same_image_gives_the_same_faces(self) -> None:
        """Whatever was looked at before."""
        extractor, (first, second) = self.finder(), portraits()
        expected = extractor.extract(first.image)
        extractor.extract(second.image)
        extractor.extract(no_face())
        _assert_same(extractor.extract(first.image), expected, "the second time; keep no state between calls")

    def test_several_images_at_once_show_the_same_faces(self) -> None:
        """Each its own, in the order of the images."""
        extractor, (first, second) = self.finder(), portraits()
        images = [second.image, no_face(), first.image]
        expected = [extractor.extract(image) for image in images]
        found = extractor.extract_all([image.copy() for image in images])
        assert len(found) == 3, f"extract_all() gives {len(found)} lists of faces for three images."
        for faces, wanted in zip(found, expected, strict=True):
            _assert_same(faces, wanted, "when extract_all() looks at several images")

    def test_locates_the_faces_that_it_extracts(self) -> None:
        """With the same boxes and scores, whether or not with landmarks."""
        extractor, (left, right) = self.finder(), portraits()
        for image in (side_by_side(left.image, right.image), no_face()):
            located, wanted = (
                [(face.box, face.score) for face in faces]
                for faces in (extractor.locate(image.copy()), extractor.extract(image))
            )
            assert located == wanted, f"locate() gives the boxes and scores {located}, and extract() {wanted}."

    def test_gives_the_same_faces_in_another_process(self) -> None:
        """Made from the pickled settings alone, as the workers of preprocessing do."""
        extractor = self.finder()
        here = [extractor.extract(portrait.image) for portrait in portraits()]
        there = in_fresh_process(_faces, self.name, extractor.config)
        for face, face_there in zip(here, there, strict=True):
            _assert_same(face_there, face, "in another process")


def _faces(name: str, config: PluginConfig) -> list[list[Face]]:
    extractor: Any = Registry().load("extractor", name)(config)
    return [extractor.extract(portrait.image) for portrait in portraits()]


def _checked(faces: list[Face], image: RgbImage) -> list[Face]:
    height, width = image.shape[:2]
    for face in faces:
        landmarks, box = face.landmarks, face.box
        if landmarks is not None:
            assert landmarks.shape == (68, 2), f"Landmarks have to be (68, 2), not {landmarks.shape}."
            assert landmarks.dtype == np.float32, f"Landmarks have to be float32, not {landmarks.dtype}."
            assert np.isfinite(landmarks).all(), "Landmarks have to be finite; None says that they are not known."
        for name, points in face.points.items():
            shape, is_flat = points.shape, len(points.shape) == 2 and points.shape[1] in (2, 3)
            assert is_flat and points.dtype == np.float32, (
                f"points[{name!r}] has to be float32 (K, 2) or (K, 3), not {points.dtype} {shape}."
            )
            assert np.isfinite(points).all(), f"points[{name!r}] has to be finite; leave it out if it is not known."
            assert name != _FIVE or shape[0] == 5, f"points[{name!r}] has to be five points, not {shape[0]}."
        assert 0 <= face.score <= 1, f"The score has to lie in [0, 1]; it is {face.score}."
        sides = (box.left, box.top, box.right, box.bottom, box.angle_degrees)
        assert np.isfinite(sides).all(), f"{box} is not finite."
        assert box.left < box.right and box.top < box.bottom, f"{box} is empty or its edges are swapped."
        inside = box.left < width and box.right > 0 and box.top < height and box.bottom > 0
        assert inside, f"{box} lies outside of the image of {width}×{height}: give pixels of the image itself."
    return faces


def _landmarks_of(face: Face) -> Landmarks:
    if face.landmarks is None:
        pytest.skip("It knows boxes alone: its faces have no landmarks.")
    return face.landmarks


def _box_around(landmarks: Landmarks, widened: float) -> Box:
    """Around the landmarks, and a share of the size more on each side."""
    (left, top), (right, bottom) = landmarks.min(0).tolist(), landmarks.max(0).tolist()
    more = widened * max(right - left, bottom - top)
    return Box(left - more, top - more, right + more, bottom + more)


def _assert_holds(box: Box, expected: Landmarks) -> None:
    x, y = expected.mean(0)
    assert box.left < x < box.right and box.top < y < box.bottom, f"{box} does not hold the face at {x}, {y}."
    shown = is_same_face(box, _box_around(expected, 0.0))
    assert shown, f"{box} is not about as large as the face, whose landmarks reach over {_box_around(expected, 0.0)}."


def _assert_near(landmarks: Landmarks, expected: Landmarks) -> None:
    distance = float(np.linalg.norm(landmarks - expected, axis=1).mean() / _between_eyes(expected))
    assert distance < _NEAR, (
        f"Landmarks are {distance:.2f} of the distance between the eyes off, on the mean. They have to be in iBUG-68 "
        "order, x before y, in pixels of the image that the extractor was given."
    )


def _assert_five_near(points: NDArray[np.float32], landmarks: Landmarks) -> None:
    expected = np.stack([landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0), *landmarks[[30, 48, 54]]])
    distance = float(np.linalg.norm(points[:, :2] - expected, axis=1).mean() / _between_eyes(landmarks))
    assert distance < _NEAR, (
        f'points["{_FIVE}"] are {distance:.2f} of the distance between the eyes off, on the mean. They have to be the '
        "eyes, the tip of the nose and the corners of the mouth; of each pair the one on the left of the image first."
    )


def _between_eyes(landmarks: Landmarks) -> float:
    return float(np.linalg.norm(landmarks[RIGHT_EYE].mean(0) - landmarks[LEFT_EYE].mean(0)))


def _assert_same(faces: list[Face], expected: list[Face], when: str) -> None:
    assert len(faces) == len(expected), (
        f"extract() finds {counted(len(faces), 'face')} instead of {len(expected)} {when}."
    )
    for face, wanted in zip(faces, expected, strict=True):
        same = face.box == wanted.box and face.score == wanted.score and _equal(face.landmarks, wanted.landmarks)
        same = same and face.points.keys() == wanted.points.keys()
        same = same and all(np.array_equal(points, wanted.points[name]) for name, points in face.points.items())
        assert same, f"extract() answers something else {when}."


def _equal(first: Landmarks | None, second: Landmarks | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)
