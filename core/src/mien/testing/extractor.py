"""Contract tests of extractors: `class TestMine(ExtractorContract): name = "mine"`."""

from typing import Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, Landmarks, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE
from mien.plugins.registry import Registry
from mien.testing.images import no_face, portraits, side_by_side
from mien.testing.plugin import PluginContract, in_fresh_process

_NEAR = 0.25
"""Landmarks of another extractor lie within this share of the distance between the eyes, on the mean; so does each
of the five points."""
_NOSE_TIP = 30
_MOUTH_CORNERS = [48, 54]


class ExtractorContract(PluginContract):
    """What every extractor has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "extractor"

    def create(self) -> Extractor:
        """A new extractor with the settings of the test."""
        return cast(Extractor, super().create())

    def test_finds_the_face_of_a_portrait(self) -> None:
        """In a box in pixels of the image."""
        extractor = self.create()
        for portrait in portraits():
            faces = _checked(extractor.extract(portrait.image), portrait.image)
            assert len(faces) == 1, f"extract() finds {len(faces)} faces in a portrait of one."
            _assert_holds(faces[0].box, portrait.landmarks)

    def test_the_landmarks_lie_on_the_face(self) -> None:
        """68 of them in iBUG order, in pixels of the image, if the extractor knows landmarks."""
        extractor = self.create()
        for portrait in portraits():
            (face,) = _checked(extractor.extract(portrait.image), portrait.image)
            if face.landmarks is None:
                pytest.skip(f"{self.name} knows no landmarks: those of its faces are None")
            _assert_near(face.landmarks, portrait.landmarks)

    def test_the_five_points_lie_on_the_face(self) -> None:
        """Eyes, tip of the nose and corners of the mouth, in pixels of the image, if the extractor gives them."""
        extractor = self.create()
        for portrait in portraits():
            (face,) = _checked(extractor.extract(portrait.image), portrait.image)
            if "five" not in face.points:
                pytest.skip(f'{self.name} gives no five points: its faces have no points["five"]')
            _assert_five_near(face.points["five"], portrait.landmarks)

    def test_finds_nothing_where_there_is_no_face(self) -> None:
        """An empty list, not an error."""
        assert self.create().extract(no_face()) == [], "extract() has to return [] for an image without a face."

    @pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (17, 23)])
    def test_an_image_of_any_size_will_do(self, shape: tuple[int, int]) -> None:
        """From a single pixel on."""
        assert self.create().extract(np.full((*shape, 3), 200, np.uint8)) == []

    def test_finds_both_faces_surest_first(self) -> None:
        """Each where it is."""
        left, right = portraits()
        image = side_by_side(left.image, right.image)
        faces = _checked(self.create().extract(image), image)
        assert len(faces) == 2, f"extract() finds {len(faces)} faces in an image of two."
        scores = [face.score for face in faces]
        assert scores == sorted(scores, reverse=True), f"Return the surest face first; the scores are {scores}."
        first, second = sorted(faces, key=lambda face: face.box.left)
        _assert_lies(first, left.landmarks)
        _assert_lies(second, right.landmarks + np.array([left.image.shape[1], 0], np.float32))

    @pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
    def test_a_face_cut_in_half_by_the_border_does_no_harm(self, side: str) -> None:
        """Whether it is found or not."""
        portrait = portraits()[0]
        x, y = (round(float(middle)) for middle in portrait.landmarks.mean(0))
        columns = {"left": slice(x, None), "right": slice(None, x)}.get(side, slice(None))
        rows = {"top": slice(y, None), "bottom": slice(None, y)}.get(side, slice(None))
        image = np.ascontiguousarray(portrait.image[rows, columns])
        _checked(self.create().extract(image), image)

    def test_finds_the_face_of_a_gray_image(self) -> None:
        """Three equal channels."""
        portrait = portraits()[0]
        gray = portrait.image.mean(2).astype(np.uint8)
        image = np.repeat(gray[..., None], 3, axis=2)
        faces = _checked(self.create().extract(image), image)
        assert len(faces) == 1, f"extract() finds {len(faces)} faces in a gray portrait."
        _assert_lies(faces[0], portrait.landmarks)

    def test_leaves_the_image_as_it_was(self) -> None:
        """Even if it could write into it."""
        image = portraits()[0].image
        before = image.copy()
        self.create().extract(image)
        assert np.array_equal(image, before), "extract() has changed its image; work on a copy."

    def test_how_an_image_lies_in_memory_does_not_matter(self) -> None:
        """Padded rows, as video decoders give them; and memory that may not be written."""
        image = portraits()[0].image
        expected = self.create().extract(image)
        height, width = image.shape[:2]
        padded = np.zeros((height, width + 16, 3), np.uint8)[:, :width]
        padded[:] = image
        read_only = image.copy()
        read_only.setflags(write=False)
        _assert_same(self.create().extract(padded), expected, "of a view; call np.ascontiguousarray(image) first")
        _assert_same(self.create().extract(read_only), expected, "of an array that may not be written")

    def test_the_same_image_gives_the_same_faces(self) -> None:
        """Whatever was looked at before."""
        extractor, (one, other) = self.create(), portraits()
        expected = extractor.extract(one.image)
        extractor.extract(other.image)
        extractor.extract(no_face())
        _assert_same(extractor.extract(one.image), expected, "the second time; keep no state between calls")

    def test_gives_the_same_faces_in_another_process(self) -> None:
        """Made from the pickled settings alone, as the workers of preprocessing do."""
        extractor = self.create()
        here = [extractor.extract(portrait.image) for portrait in portraits()]
        there = in_fresh_process(_faces, self.name, extractor.config)
        for one, other in zip(here, there, strict=True):
            _assert_same(other, one, "in another process")


def _faces(name: str, config: PluginConfig) -> list[list[Face]]:
    extractor: Any = Registry().load("extractor", name)(config)
    return [extractor.extract(portrait.image) for portrait in portraits()]


def _checked(faces: list[Face], image: RgbImage) -> list[Face]:
    height, width = image.shape[:2]
    for face in faces:
        box = face.box
        if face.landmarks is not None:
            _assert_points(face.landmarks, (68, 2), "Landmarks")
        if "five" in face.points:
            _assert_points(face.points["five"], (5, 2), 'points["five"]')
        assert np.isfinite(face.score), "The score has to be finite."
        assert box.left < box.right and box.top < box.bottom, f"{box} is empty or its edges are swapped."
        inside = box.left < width and box.right > 0 and box.top < height and box.bottom > 0
        assert inside, f"{box} lies outside of the image of {width}×{height}: give pixels of the image itself."
    return faces


def _assert_points(points: NDArray[Any], shape: tuple[int, int], what: str) -> None:
    assert points.shape == shape, f"{what} have to be {shape}, not {points.shape}."
    assert points.dtype == np.float32, f"{what} have to be float32, not {points.dtype}."
    assert np.isfinite(points).all(), f"{what} have to be finite; leave out what is not known."


def _assert_lies(face: Face, expected: Landmarks) -> None:
    """That box, and landmarks and points if there are any, lie where the portrait's landmarks do."""
    _assert_holds(face.box, expected)
    if face.landmarks is not None:
        _assert_near(face.landmarks, expected)
    if "five" in face.points:
        _assert_five_near(face.points["five"], expected)


def _assert_holds(box: Box, expected: Landmarks) -> None:
    x, y = expected.mean(0)
    assert box.left < x < box.right and box.top < y < box.bottom, f"{box} does not hold the face at {x}, {y}."


def _assert_near(landmarks: Landmarks, expected: Landmarks) -> None:
    eyes = np.linalg.norm(expected[RIGHT_EYE].mean(0) - expected[LEFT_EYE].mean(0))
    distance = float(np.linalg.norm(landmarks - expected, axis=1).mean() / eyes)
    assert distance < _NEAR, (
        f"Landmarks are {distance:.2f} of the distance between the eyes off, on the mean. They have to be in iBUG-68 "
        "order, x before y, in pixels of the image that extract() was given."
    )


def _assert_five_near(five: NDArray[Any], landmarks: Landmarks) -> None:
    eyes = [landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)]
    expected = np.stack([*eyes, landmarks[_NOSE_TIP], *landmarks[_MOUTH_CORNERS]])
    distance = float(np.linalg.norm(five - expected, axis=1).max() / np.linalg.norm(eyes[1] - eyes[0]))
    assert distance < _NEAR, (
        f'One of points["five"] is {distance:.2f} of the distance between the eyes off. They have to be the eyes, the '
        "tip of the nose and the corners of the mouth, of each pair the one on the left of the image first, x before y."
    )


def _assert_same(faces: list[Face], expected: list[Face], when: str) -> None:
    assert len(faces) == len(expected), f"extract() finds {len(faces)} faces instead of {len(expected)} {when}."
    for one, other in zip(faces, expected, strict=True):
        alike = one.box == other.box and one.score == other.score and one.points.keys() == other.points.keys()
        alike = alike and _equal(one.landmarks, other.landmarks)
        alike = alike and all(np.array_equal(points, other.points[name]) for name, points in one.points.items())
        assert alike, f"extract() answers something else {when}."


def _equal(one: Landmarks | None, other: Landmarks | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
