"""What this extractor finds, and how its settings change that."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.contracts.face import Box, Face
from mien.errors import MienError
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import ExtractorContract, no_face, portraits, side_by_side
from mien_extractor_blazeface.blazeface import BlazeFace, BlazeFaceConfig
from mien_extractor_blazeface.detector import FULL_RANGE, Detector

DATA = Path(__file__).resolve().parents[4] / "tests" / "data"


class TestBlazeFace(ExtractorContract):
    name = "blazeface"


class TestFullSearch(ExtractorContract):
    name = "blazeface"
    settings = {"search": "full"}


class TestWithoutEyes(ExtractorContract):
    name = "blazeface"
    settings = {"eyes": False}


@pytest.fixture(scope="module")
def quick():
    return BlazeFace()


@pytest.fixture(scope="module")
def full():
    return BlazeFace(BlazeFaceConfig(search="full"))


def frames(clip, every):
    with VideoSource(DATA / "clips" / clip) as video:
        return [frame.image for frame in video.frames() if frame.index % every == 0]


def image(name):
    return read_image(DATA / "images" / name)


def resized(image, factor):
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


def apart(landmarks, expected):
    """Mean distance of landmarks, as a share of the distance between the eyes."""
    eyes = np.linalg.norm(expected[36:42].mean(0) - expected[42:48].mean(0))
    return np.linalg.norm(landmarks - expected, axis=1).mean() / eyes


def turned(image, degrees):
    """The image turned about its middle, with room for its corners, and the matrix (2, 3) that does it."""
    height, width = image.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    return cv2.warpAffine(image, matrix, (side, side), borderValue=(90, 100, 110)), matrix


def placed(image, canvas_size, left, top):
    """The image on a gray canvas of (width, height)."""
    canvas = np.full((canvas_size[1], canvas_size[0], 3), 110, np.uint8)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


@pytest.mark.parametrize("mode", ["quick", "full"])
def test_a_film_without_people_has_no_face(mode, request):
    extractor = request.getfixturevalue(mode)
    assert all(extractor.extract(frame) == [] for frame in frames("no_face.mp4", 12))
    assert extractor.extract(image("noface/rocket.jpg")) == []


def test_both_of_two_people_are_found_in_every_frame(quick):
    assert {len(quick.extract(frame)) for frame in frames("two_people_2s_audio.mp4", 6)} == {2}


@pytest.mark.parametrize("degrees", [-90, -60, -30, 15, 30, 75, 90])
@pytest.mark.parametrize("person", [0, 1])
def test_the_landmarks_turn_with_the_image(quick, person, degrees):
    portrait = portraits()[person].image
    (upright,) = quick.extract(portrait)
    image, matrix = turned(portrait, degrees)
    (face,) = quick.extract(image)
    expected = upright.landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert apart(face.landmarks, expected) < 0.08


def test_turned_images_of_a_camera_are_searched_as_they_are(quick):
    for name in ("formats/rotated30_no_exif.png", "formats/rotated90_no_exif.jpg"):
        assert len(quick.extract(image(name))) == 1


@pytest.mark.parametrize("person", [0, 1])
def test_a_full_search_finds_a_face_upside_down(full, person):
    portrait = portraits()[person].image
    (upright,) = full.extract(portrait)
    (face,) = full.extract(portrait[::-1, ::-1])
    expected = np.array([portrait.shape[1] - 1, portrait.shape[0] - 1]) - upright.landmarks
    assert apart(face.landmarks, expected) < 0.06


def test_a_face_of_16_pixels_is_found_and_its_landmarks_lie_right(quick):
    for portrait in portraits():
        factor = 16 / np.ptp(portrait.landmarks[:, 0])
        (face,) = quick.extract(resized(portrait.image, factor))
        assert apart(face.landmarks, (portrait.landmarks + 0.5) * factor - 0.5) < 0.12


def test_a_small_face_beside_a_large_one_is_found(quick, full):
    large, small = resized(portraits()[1].image, 1.5), portraits()[0].image
    assert len(quick.extract(side_by_side(large, resized(small, 0.3)))) == 2
    assert len(full.extract(side_by_side(large, resized(small, 0.25)))) == 2


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("share", [0.7, 0.9])
def test_an_image_that_is_not_square_is_seen_as_one_with_black_around_it(upright, share):
    """The detector leaves out the rows or columns that the image does not fill, and finds the same."""
    square = portraits()[0].image[:300, :300].copy()
    filled = round(300 * share)
    part = (square[:, :filled] if upright else square[:filled]).copy()
    (square[:, filled:] if upright else square[filled:])[:] = 0
    detector = Detector(FULL_RANGE)
    (narrow,), (whole,) = (detector.detect(image, 0.5) for image in (part, square))
    assert np.abs(narrow.points - whole.points).max() < 0.05 * np.ptp(whole.corners[:, 0])


def test_a_full_search_finds_the_smallest_faces_of_a_large_image(quick, full):
    face = resized(portraits()[0].image, 30 / np.ptp(portraits()[0].landmarks[:, 0]))
    places = [(3, 5), (700, 450), (1480, 20), (1490, 1090), (40, 900)]
    for left, top in places:
        scene = placed(face, (1600, 1200), left, top)
        assert quick.extract(scene) == [], "as the setting's documentation says"
        (found,) = full.extract(scene)
        x, y = found.landmarks.mean(0) - (left, top)
        assert 0 < x < face.shape[1] and 0 < y < face.shape[0]


@pytest.mark.parametrize("factor", [1.0, 2.0, 2.6])
def test_a_face_is_found_once_however_many_tiles_show_it_and_its_parts(full, factor):
    scene = placed(resized(portraits()[1].image, factor), (1500, 1000), 200, 10)
    assert len(full.extract(scene)) == 1


def test_a_face_that_fills_the_image_is_found(quick):
    for portrait in portraits():
        (left, top), (right, bottom) = portrait.landmarks.min(0).astype(int), portrait.landmarks.max(0).astype(int)
        (face,) = quick.extract(portrait.image[top - 10 : bottom + 3, left - 3 : right + 3])
        assert apart(face.landmarks, portrait.landmarks - (left - 3, top - 10)) < 0.15


def test_half_a_face_at_the_border_is_found_and_reaches_over_it(quick):
    (face,) = quick.extract(image("formats/half_face_at_border.jpg"))
    assert (face.landmarks[:, 0] < 0).sum() > 10
    assert face.box.left < 0 < face.box.right


@pytest.mark.parametrize(
    "name", ["dark.jpg", "blur.jpg", "bilevel.png", "gray.png", "eyes_bar.jpg", "mouth_covered.jpg"]
)
def test_a_face_is_found_in_a_bad_image(quick, name):
    (good,) = quick.extract(image("formats/rgb.png"))
    (face,) = quick.extract(image(f"formats/{name}"))
    assert apart(face.landmarks, good.landmarks) < 0.15


def test_min_presence_leaves_out_what_is_no_face():
    curious = {"min_score": 0.05, "search": "full"}
    assert BlazeFace(BlazeFaceConfig(**curious, min_presence=0.0)).extract(no_face())
    assert BlazeFace(BlazeFaceConfig(**curious)).extract(no_face()) == []


def test_min_score_leaves_doubtful_faces_out(quick):
    image = portraits()[0].image
    (face,) = quick.extract(image)
    assert len(BlazeFace(BlazeFaceConfig(min_score=face.score - 1e-4)).extract(image)) == 1
    assert BlazeFace(BlazeFaceConfig(min_score=1 - 1e-6)).extract(image) == []


@pytest.mark.parametrize("degrees", [0, 40, -75, 180])
@pytest.mark.parametrize("widened", [0.0, 0.4], ids=["tight box", "box around the head"])
def test_a_face_that_another_found_is_measured_however_it_is_turned(quick, degrees, widened):
    portrait = portraits()[0]
    image, matrix = turned(portrait.image, degrees)
    expected = portrait.landmarks @ matrix[:, :2].T + matrix[:, 2]
    five = np.stack([expected[36:42].mean(0), expected[42:48].mean(0), *expected[[30, 48, 54]]]).astype(np.float32)
    low, high = expected.min(0), expected.max(0)
    more = widened * (high - low)
    (face,) = quick.measure(image, [Face(Box(*(low - more), *(high + more)), None, 0.9, {"five": five})])
    assert apart(face.landmarks, expected) < 0.15
    assert (face.score, face.points["five"] is five) == (0.9, True)


def test_what_is_no_face_is_not_measured(quick):
    (answer,) = quick.measure(no_face(), [Face(Box(20, 20, 100, 100), None, 0.9)])
    assert answer is None


def test_instances_work_side_by_side_in_threads():
    images = [portrait.image for portrait in portraits()] * 2
    expected = [BlazeFace().extract(image)[0].landmarks for image in images]
    extractors = [BlazeFace() for _ in images]
    with ThreadPoolExecutor(len(images)) as pool:
        found = pool.map(lambda pair: pair[0].extract(pair[1])[0].landmarks, zip(extractors, images, strict=True))
    assert np.array_equal(list(found), expected)


@pytest.mark.parametrize(
    "setting", ["search=thorough", "smallest_face_px=3", "min_score=0", "min_presence=1", "eyes=no-one"]
)
def test_a_value_out_of_range_is_refused_by_name(setting):
    with pytest.raises(MienError, match=setting.partition("=")[0]):
        Registry().create("extractor", f"blazeface:{setting}")
