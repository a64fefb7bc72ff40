"""How faces are searched when nobody may be missed: from several sides, in pixels that are square, over frames."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien import AnonymizeOptions, ExtractorSet, Registry, SessionOptions, anonymize
from mien.anonymization.search import (
    STRIP_PX,
    FaceSearch,
    _views,
    _without_unlikely,
    default_extractors,
    follower_of,
    search_frame,
    search_image,
    search_turned,
)
from mien.anonymization.verification import FRAMES_CHECKED, LeakSearch, frames_searched
from mien.anonymization.views import EDGES, Edge, View, joined, without_repeated
from mien.contracts.face import SURELY_A_FACE, Box, Face, RgbImage
from mien.geometry.boxes import center, edges, growth, is_same_face
from mien.geometry.pixel_shape import in_square_pixels, in_stored_pixels
from mien.inference.detector import FaceDetector
from mien.media.images import read_image, write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.testing import no_face, portraits
from mien.tracking.tracker import untracked
from mien.workers.threads import Stopwatch

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
TWO = DATA / "clips" / "two_people_2s_audio.mp4"
NO_FACE = DATA / "images" / "noface" / "rocket.jpg"
FACE_PX = 24
FRAMES, COMES_IN, HEAD_AT = 42, 12, (370, 160)
BROKEN = """
    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_extractors():
        return [PluginSpec("broken", "nowhere:Nothing", "for a test", contract=2)]
"""
UNCHANGED = 4.0
"""Mean difference, of 255, below which a face is as it was: encoding alone changes it by 1 to 2."""


@pytest.fixture(scope="module")
def extractors() -> ExtractorSet:
    return ExtractorSet(default_extractors(Registry()), Registry())


@pytest.fixture(scope="module")
def search() -> FaceSearch:
    return opened(default_extractors(Registry()))


def opened(choice: str) -> FaceSearch:
    registry = Registry()
    return FaceSearch.open(FaceDetector.open(choice, 2, Stopwatch(), registry), "fast", 2, registry)


def crowd(extractors: ExtractorSet, face_px: float, turns: int = 0) -> tuple[RgbImage, list[Box]]:
    """Two portraits, far apart on gray, with faces of that size, turned by quarter turns counterclockwise."""
    image, boxes = np.full((360, 640, 3), 120, np.uint8), []
    for number, portrait in enumerate(portraits()):
        (face,) = extractors.extract(portrait.image)[:1]
        scale = face_px / (face.box.bottom - face.box.top)
        small = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        left, top = 60 + 300 * number, 90
        image[top : top + small.shape[0], left : left + small.shape[1]] = small
        x, y = (value * scale for value in center(face.box))
        half = face_px / 2
        boxes.append(Box(left + x - half, top + y - half, left + x + half, top + y + half))
    turned = np.ascontiguousarray(np.rot90(image, turns))
    return turned, [turned_box(box, image.shape, turns) for box in boxes]


def turned_box(box: Box, shape: Sequence[int], turns: int) -> Box:
    for _ in range(turns):
        height, width = shape[:2]
        box, shape = Box(box.top, width - box.right, box.bottom, width - box.left), (width, height)
    return box


def is_found(box: Box, faces: Sequence[Face]) -> bool:
    x, y = center(box)
    return any(
        is_same_face(face.box, box)
        or (face.box.left < x < face.box.right and face.box.top < y < face.box.bottom and growth(face.box, box) < 2.5)
        for face in faces
    )


def test_the_default_extractors_are_those_that_can_search_thoroughly() -> None:
    registry = Registry()
    assert default_extractors(registry) == "centerface:preset=thorough+blazeface:preset=thorough"
    assert follower_of(default_extractors(registry), registry) == "blazeface"
    assert follower_of("centerface", registry) is None
    assert follower_of("face_recognition:upsample=0", registry) == "face_recognition:upsample=0"


@pytest.mark.parametrize("face_px", [12, 24, 60])
def test_small_faces_are_found(extractors: ExtractorSet, face_px: int) -> None:
    image, boxes = crowd(extractors, face_px)
    faces = search_image(image, extractors)
    assert all(is_found(box, faces) for box in boxes)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_faces_on_their_side_and_upside_down_are_found(extractors: ExtractorSet, turns: int) -> None:
    image, boxes = crowd(extractors, 48, turns)
    faces = search_image(image, extractors)
    assert all(is_found(box, faces) for box in boxes)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("face_px", [24, 48])
def test_faces_next_to_a_large_one_are_found(extractors: ExtractorSet, face_px: int, turns: int) -> None:
    large, head = portraits()
    image = cv2.copyMakeBorder(large.image, 0, 0, 0, 120, cv2.BORDER_REPLICATE)
    face = extractors.extract(head.image)[0]
    scale = face_px / (face.box.bottom - face.box.top)
    small = np.ascontiguousarray(np.rot90(cv2.resize(head.image, None, fx=scale, fy=scale), turns))
    left, top = round(extractors.extract(large.image)[0].box.right), image.shape[0] // 3
    height, width = small.shape[:2]
    image[top : top + height, left : left + width] = small[:, : image.shape[1] - left]
    enlarged = Box(*(scale * side for side in (face.box.left, face.box.top, face.box.right, face.box.bottom)))
    there = turned_box(enlarged, small.shape, turns)
    box = Box(there.left + left, there.top + top, there.right + left, there.bottom + top)
    assert is_found(box, search_image(np.asarray(image, np.uint8), extractors))


def test_what_lies_at_a_sure_face_and_is_likely_none_is_left_out(extractors: ExtractorSet) -> None:
    image = np.full((400, 400, 3), 120, np.uint8)
    landmarks = np.zeros((68, 2), np.float32)
    sure = Face(Box(100, 100, 200, 220), landmarks, 0.99)
    at_it = Face(Box(190, 100, 230, 150), None, 0.4)
    others = [
        replace(at_it, box=Box(280, 100, 320, 150)),  # somewhere else
        replace(at_it, box=Box(195, 100, 207, 116)),  # so small that it could not be measured
        replace(at_it, box=Box(90, -10, 150, 95)),  # cut by the border
        replace(at_it, landmarks=landmarks),
    ]
    assert [face.box for face in _without_unlikely(image, [sure, at_it, *others], extractors)] == [
        face.box for face in (sure, *others)
    ]
    assert _without_unlikely(image, [at_it], extractors) == [at_it]


@pytest.mark.parametrize("face_px", [20, 24, 60])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_frame_is_searched_turned(extractors: ExtractorSet, face_px: int, turns: int) -> None:
    image, boxes = crowd(extractors, face_px, turns)
    faces = search_turned(image, extractors, 4 - turns)
    assert len(faces) == len(boxes) and all(is_found(box, faces) for box in boxes)


def test_who_is_known_is_not_found_again_in_a_turned_frame(extractors: ExtractorSet) -> None:
    image, _ = crowd(extractors, 60)
    known = [face for face in search_frame(image, extractors) if face.score >= SURELY_A_FACE]
    assert len(known) == 2
    assert all(search_turned(image, extractors, turns, known) == [] for turns in (1, 2, 3))


def test_nothing_is_taken_for_a_face_in_a_turned_frame_where_none_is(extractors: ExtractorSet) -> None:
    for image in (no_face(), read_image(NO_FACE)):
        assert all(search_turned(image, extractors, turns) == [] for turns in (1, 2, 3))


@pytest.mark.parametrize("share", [0.5, 0.65])
def test_a_face_that_the_border_cuts_through_is_found(extractors: ExtractorSet, share: float) -> None:
    image, boxes = crowd(extractors, FACE_PX)
    for box in boxes:
        cut = round(box.left + share * (box.right - box.left))
        rest = np.ascontiguousarray(image[:, cut : cut + 250])
        part = Box(box.left - cut, box.top, box.right - cut, box.bottom)
        assert any(is_same_face(face.box, part) for face in search_frame(rest, extractors))


@pytest.mark.parametrize("edge", EDGES)
def test_a_face_that_the_border_cuts_through_is_found_in_a_strip(extractors: ExtractorSet, edge: Edge) -> None:
    """So large images are searched, whose mirrored view would take more memory than they do."""
    image, boxes = crowd(extractors, FACE_PX)
    left, top, right, bottom = (round(value) for value in edges(boxes[1]).ravel())
    x, y = (left + right) // 2, round(top + {"top": 0.3, "bottom": 0.75}.get(edge, 0) * (bottom - top))
    rest = {"left": image[:, x:], "right": image[:, :x], "top": image[y:], "bottom": image[:y]}[edge]
    shift_x, shift_y = (x if edge == "left" else 0), (y if edge == "top" else 0)
    part = Box(left - shift_x, top - shift_y, right - shift_x, bottom - shift_y)  # with what is beyond the border
    found = View.along(edge, np.ascontiguousarray(rest), 120, 60).find(extractors.find_by_first)
    assert any(is_same_face(face.box, part) for face in found)


@pytest.mark.parametrize("edge", EDGES)
def test_what_the_inner_edge_of_a_strip_cuts_through_is_not_told_of(edge: Edge) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    places = {"left": (90, 150), "right": (310, 150), "top": (200, 90), "bottom": (200, 210)}
    strip = View.along(edge, image, 100, 40)

    def found_at(x: float, y: float) -> list[Face]:
        in_strip = np.array([x, y]) - strip.to_image[:, 2]
        return strip.find(lambda _: [Face(Box(*(in_strip - 15), *(in_strip + 15)), None, 0.9)])

    x, y = places[edge]
    assert found_at(x, y) == []
    outwards = {"left": (-60, 0), "right": (60, 0), "top": (0, -60), "bottom": (0, 60)}[edge]
    (face,) = found_at(x + outwards[0], y + outwards[1])
    assert center(face.box) == pytest.approx((x + outwards[0], y + outwards[1]))


@pytest.mark.parametrize("size", [(4000, 7000), (300, 7000), (9000, 6001)])
def test_no_view_of_a_large_image_takes_much_memory(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    views = list(_views(image, "image"))
    assert all(view.image.nbytes < 50e6 for view in views)
    assert sum(view.whole_in is not None for view in views) == (4 if min(size) > STRIP_PX else 0)


def test_little_is_taken_for_a_face_where_none_is(extractors: ExtractorSet) -> None:
    faces = search_image(read_image(NO_FACE), extractors)
    assert not any(face.score >= SURELY_A_FACE for face in faces)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("mirrored", [0.0, 0.1])
def test_what_is_found_in_a_view_lies_at_its_place_in_the_image(turns: int, scale: float, mirrored: float) -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    image[40:52, 150:166] = 255

    def brightest(view: RgbImage) -> list[Face]:
        ys, xs = np.nonzero(view[..., 0] > 128)
        box = Box(xs.min() - 0.5, ys.min() - 0.5, xs.max() + 0.5, ys.max() + 0.5)
        five = np.array([[xs.min(), ys.min()]] * 5, np.float32)
        return [Face(box, None, 0.9, {"five": five})]

    (face,) = View.of(image, scale, quarter_turns=turns, mirrored=mirrored).find(brightest)
    assert center(face.box) == pytest.approx((157.5, 45.5), abs=0.6)
    assert face.box.angle_degrees % 360 == 90 * turns
    low, high = face.box.corners.min(0), face.box.corners.max(0)
    assert [*low, *high] == pytest.approx([149.5, 39.5, 165.5, 51.5], abs=1.1)


def test_a_view_keeps_a_sure_face_whole_and_adds_what_is_new() -> None:
    whole = Face(Box(0, 0, 100, 100), np.zeros((68, 2), np.float32), 0.9)
    part, again, new = (
        Face(Box(*edges), None, score)
        for edges, score in (((20, 20, 50, 50), 0.8), ((5, 5, 100, 100), 0.95), ((200, 0, 230, 30), 0.4))
    )
    assert [face.score for face in joined([whole], [part, again, new])] == [0.95, 0.4]
    assert [face.score for face in joined([Face(whole.box, None, 0.4)], [part])] == [0.4, 0.8]


def test_an_upright_face_that_is_sure_is_not_taken_for_a_lying_one() -> None:
    upright, lying = Box(10, 10, 50, 60), Box(5, 15, 55, 55, 90.0)
    (sure,) = joined([Face(upright, None, 0.9)], [Face(lying, None, 0.95)])
    (unsure,) = joined([Face(upright, None, 0.4)], [Face(lying, None, 0.95)])
    assert (sure.box, sure.score) == (upright, 0.95)
    assert (unsure.box, unsure.score) == (lying, 0.95)


def test_what_is_found_beside_a_sure_face_and_measured_to_be_that_face_is_no_other() -> None:
    landmarks = np.random.default_rng(0).uniform((346, 113), (400, 168), (68, 2)).astype(np.float32)
    sure = Face(Box(346, 99, 400, 168), landmarks, 1.0)
    again = Face(Box(366, 91, 413, 132), landmarks + 1, 0.54)
    behind = replace(again, landmarks=landmarks + np.float32([20, -10]))
    beside = replace(again, box=Box(390, 91, 437, 132))
    assert [face.score for face in without_repeated([sure, again])] == [1.0]
    for other in (behind, beside, replace(again, landmarks=None), replace(again, score=0.8)):
        assert len(without_repeated([sure, other])) == 2


@pytest.mark.parametrize("pixel_shape", [0.5, 1.0, 1.45, 2.0])
def test_anamorphic_pixels_are_searched_square(extractors: ExtractorSet, pixel_shape: float) -> None:
    frame = next(VideoSource(TWO).frames()).image
    width, height = frame.shape[1], frame.shape[0]
    size = (round(width / max(pixel_shape, 1)), round(height * min(pixel_shape, 1)))
    stored = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    shown = in_square_pixels(stored, pixel_shape)
    assert shown.shape[1] == pytest.approx(width, abs=1) and shown.shape[0] == pytest.approx(height, abs=1)
    factors = np.array([width / size[0], height / size[1]])
    found = [in_stored_pixels(face, pixel_shape) for face in extractors.extract(shown) if face.score > SURELY_A_FACE]
    for face in extractors.extract(frame):
        if face.score > SURELY_A_FACE:
            assert min(np.abs(np.array(center(other.box)) * factors - center(face.box)).max() for other in found) < 8


def searched(search: FaceSearch, clip: Path) -> Iterator[tuple[bool, list[Face]]]:
    with search.video(VideoSource(clip)) as frames:
        yield from ((seen.is_searched, faces) for seen, faces in frames)


def test_of_a_clip_few_frames_are_searched_in_full_and_nobody_is_lost(search: FaceSearch) -> None:
    frames = list(searched(search, TWO))
    assert len(frames) == 72 and sum(is_full for is_full, _ in frames) < 24
    for _, faces in frames:
        sure = [face for face in faces if face.score >= SURELY_A_FACE]
        assert len(sure) >= 2 and all(face.landmarks is not None for face in sure[:2])


@pytest.fixture(scope="module")
def joined_by_a_head(extractors: ExtractorSet, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, Box]]:
    """Quarter turns → a clip of two people into which a head so turned comes, and where it is."""
    clips = {}
    for turns in (1, 2, 3):
        path, video = tmp_path_factory.mktemp("clip") / "clip.mp4", VideoSource(TWO)
        head, (box, _) = crowd(extractors, FACE_PX, turns)
        top, left = (round(value - 1.5 * FACE_PX) for value in reversed(center(box)))
        part = head[top : top + 3 * FACE_PX, left : left + 3 * FACE_PX]
        with VideoSink(path, video, synthetic=None) as sink:
            for frame in video.frames(0, FRAMES):
                image = frame.image.copy()
                if frame.index >= COMES_IN:
                    image[HEAD_AT[1] : HEAD_AT[1] + len(part), HEAD_AT[0] : HEAD_AT[0] + len(part)] = part
                sink.write(image, frame.pts, frame.duration)
        low, high = edges(box) - (left, top) + HEAD_AT
        clips[turns] = (path, Box(*low, *high))
    return clips


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_head_that_comes_in_is_left_in_no_frame(
    search: FaceSearch, joined_by_a_head: dict[int, tuple[Path, Box]], turns: int, tmp_path: Path
) -> None:
    clip, box = joined_by_a_head[turns]
    found = [is_found(box, faces) for _, faces in searched(search, clip)]
    assert not any(found[:COMES_IN]) and sum(found[COMES_IN:]) >= 0.5 * (FRAMES - COMES_IN)
    report = anonymize(clip, tmp_path / "out.mp4", method="blocks", options=AnonymizeOptions(check=False))
    assert report.frames_hidden == 0
    rows, columns = (slice(round(low), round(high)) for low, high in ((box.top, box.bottom), (box.left, box.right)))
    changes = [
        float(cv2.absdiff(before.image[rows, columns], after.image[rows, columns]).mean())
        for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "out.mp4").frames(), strict=True)
    ]
    assert min(changes[COMES_IN:]) > UNCHANGED


def test_a_face_that_nobody_knew_of_is_a_leak(search: FaceSearch) -> None:
    leaks = LeakSearch.open(search, Registry())
    assert leaks.notes == ()
    frame = next(VideoSource(TWO).frames()).image
    one, other = sorted(search.image(frame)[:2], key=lambda face: face.box.left)
    assert leaks.leaks(frame, untracked([one, other]), []) == []
    (leak,) = leaks.leaks(frame, untracked([one]), [])
    assert is_same_face(leak, other.box)


def test_a_check_by_those_that_searched_before_says_so(tmp_path: Path, environment: Any) -> None:
    image = tmp_path / "in.png"
    write_image(image, portraits()[0].image[::3, ::3], synthetic=None)

    def checked_after(extractor: str) -> tuple[str, ...]:
        points = [point for point in entry_points(group="mien") if point.name != "face_recognition"]
        session = SessionOptions(extractor=extractor, overwrite=True, credentials=False)
        out = tmp_path / "out.png"
        return anonymize(image, out, method="blocks", session=session, registry=Registry(points)).check_notes

    again = "blazeface and centerface took part in making the output: what they missed then, they miss again."
    assert checked_after("blazeface") == ()
    assert checked_after("centerface+blazeface") == (again,)
    environment.install("mien-extractor-broken", {"broken": BROKEN})
    (why,) = checked_after("blazeface")
    assert why.startswith("The extractor broken was left out of the check: ") and "nowhere" in why
    assert checked_after("centerface+blazeface") == (why, again)


def test_a_badge_is_no_sure_face_and_is_not_drawn() -> None:
    """dlib takes it for one, with a score above ½: swapping leaves it alone, anonymizing hides it."""
    image = read_image(DATA / "images" / "doubtful" / "false_face_on_badge.jpg")
    for choice in ("face_recognition", "face_recognition:search=full", "face_recognition:search=full,upsample=0"):
        face, badge = untracked(ExtractorSet(choice, Registry()).extract(image))
        assert face.sure and not badge.sure and badge.score > 0.5


def test_what_was_written_is_searched_as_often_as_the_video_and_in_each_shot() -> None:
    seconds = [index / 30 for index in range(3000)]
    one_shot, cut_at_5 = [0] * 3000, [int(index >= 5) for index in range(3000)]
    assert frames_searched(range(25), seconds, one_shot) == [0, 10, 20, 24]
    assert frames_searched(range(25), seconds, cut_at_5) == [0, 5, 15, 24]
    assert frames_searched([3, 4, 40], seconds, one_shot) == [3, 40]
    assert frames_searched([], seconds, one_shot) == []
    spread = frames_searched(range(3000), seconds, one_shot)
    assert len(spread) == FRAMES_CHECKED and (spread[0], spread[-1]) == (0, 2999)
