"""What this extractor finds, and how its settings change that."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import MienError
from mien.media.images import read_image
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import ExtractorContract, no_face, portraits, side_by_side
from mien_extractor_centerface.centerface import CenterFace, CenterFaceConfig
from mien_extractor_centerface.detector import AS_LIKELY_AS_NOT, as_network, probability
from mien_extractor_centerface.search import TILE_PX

DATA = Path(__file__).resolve().parents[4] / "tests" / "data"


class TestContract(ExtractorContract):
    name = "centerface"


class TestFullSize(ExtractorContract):
    name = "centerface"
    settings = {"search_side_px": None}


@pytest.fixture(scope="module")
def extractor():
    return CenterFace()


@pytest.fixture(scope="module")
def full():
    return CenterFace(CenterFaceConfig(search_side_px=None))


def frames(clip, every):
    with VideoSource(DATA / "clips" / clip) as video:
        return [frame.image for frame in video.frames() if frame.index % every == 0]


def load(name):
    return read_image(DATA / "images" / name)


def resized(portrait, width_px):
    """The portrait with a face of that width, and its five points and box."""
    factor = width_px / np.ptp(portrait.landmarks[:, 0])
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(portrait.image, None, fx=factor, fy=factor, interpolation=interpolation)
    return image, (portrait.landmarks + 0.5) * factor - 0.5


def five(landmarks):
    """Where the five points are, by 68 landmarks."""
    return np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0), *landmarks[[30, 48, 54]]])


def apart(points, landmarks):
    """Mean distance of the five points, as a share of the distance between the eyes."""
    expected = five(landmarks)
    return np.linalg.norm(points - expected, axis=1).mean() / np.linalg.norm(expected[1] - expected[0])


def overlap(box, landmarks):
    """Intersection over union of the box with that of the landmarks."""
    low, high = np.array([box.left, box.top]), np.array([box.right, box.bottom])
    shared = np.clip(np.minimum(high, landmarks.max(0)) - np.maximum(low, landmarks.min(0)), 0, None).prod()
    return shared / (box.area + np.ptp(landmarks, axis=0).prod() - shared)


def moved(landmarks, shift):
    return landmarks + np.array(shift)


def placed(image, canvas_size, left, top):
    """The picture on a gray canvas of (width, height)."""
    canvas = np.full((canvas_size[1], canvas_size[0], 3), 110, np.uint8)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


@pytest.mark.parametrize(("width_px", "tolerance"), [(16, 0.2), (24, 0.13), (60, 0.12), (250, 0.09)])
def test_a_face_is_found_once_with_box_and_points_from_16_pixels_on(extractor, width_px, tolerance):
    for portrait in portraits():
        image, landmarks = resized(portrait, width_px)
        (face,) = extractor.extract(image)
        assert face.landmarks is None
        assert apart(face.points["five"], landmarks) < tolerance
        assert overlap(face.box, landmarks) > 0.55


@pytest.mark.long
@pytest.mark.parametrize("width_px", [500, 800, 1500])
def test_a_face_larger_than_the_network_knows_is_found_once_and_whole(full, width_px):
    for portrait in portraits():
        image, landmarks = resized(portrait, width_px)
        (face,) = full.extract(image)
        assert apart(face.points["five"], landmarks) < 0.1
        assert overlap(face.box, landmarks) > 0.65


def test_a_face_that_fills_the_picture_is_found(extractor):
    for portrait in portraits():
        (left, top), (right, bottom) = portrait.landmarks.min(0).astype(int), portrait.landmarks.max(0).astype(int)
        (face,) = extractor.extract(portrait.image[top - 10 : bottom + 3, left - 3 : right + 3])
        assert overlap(face.box, moved(portrait.landmarks, (3 - left, 10 - top))) > 0.6


@pytest.mark.long
def test_a_small_face_beside_a_large_one_is_found(full):
    large, small = (resized(portrait, px) for portrait, px in zip(portraits(), (700, 20), strict=True))
    scene = side_by_side(large[0], small[0])
    first, second = sorted(full.extract(scene), key=lambda face: face.box.left)
    assert overlap(first.box, large[1]) > 0.7
    assert overlap(second.box, moved(small[1], (large[0].shape[1], 0))) > 0.6


@pytest.mark.long
def test_the_smallest_faces_of_an_image_of_several_tiles_are_found_once_where_they_are(full):
    image, landmarks = resized(portraits()[0], 30)
    size = (TILE_PX + 900, TILE_PX + 300)
    shown = (landmarks.min(0).astype(int), landmarks.max(0).astype(int))
    middle = (np.array(size) - shown[0] - shown[1]) // 2
    corners = [(0, 0), (size[0] - image.shape[1], size[1] - image.shape[0])]
    tile_edge = (TILE_PX - int(landmarks[:, 0].mean()), 700)
    for left, top in [*corners, tuple(middle), tile_edge]:
        (face,) = full.extract(placed(image, size, left, top))
        assert overlap(face.box, moved(landmarks, (left, top))) > 0.6
        assert apart(face.points["five"], moved(landmarks, (left, top))) < 0.15


def test_search_side_px_shrinks_large_pictures_and_loses_the_smallest_faces_of_them():
    image, landmarks = resized(portraits()[0], 30)
    scene = placed(image, (1600, 900), 700, 400)
    (face,) = CenterFace(CenterFaceConfig(search_side_px=1200)).extract(scene)
    assert overlap(face.box, moved(landmarks, (700, 400))) > 0.6
    assert CenterFace(CenterFaceConfig(search_side_px=320)).extract(scene) == []


def test_a_film_without_people_has_no_face(extractor):
    assert all(extractor.extract(frame) == [] for frame in frames("no_face.mp4", 12))
    assert extractor.extract(load("noface/rocket.jpg")) == []


def test_both_of_two_people_are_found_in_every_frame(extractor):
    assert {len(extractor.extract(frame)) for frame in frames("two_people_2s_audio.mp4", 6)} == {2}


@pytest.mark.parametrize("name", ["dark.jpg", "blur.jpg", "gray.png", "eyes_bar.jpg", "mouth_covered.jpg"])
def test_a_face_is_found_in_a_bad_picture(extractor, name):
    (good,) = extractor.extract(load("formats/rgb.png"))
    (face,) = extractor.extract(load(f"formats/{name}"))
    five_of_good = good.points["five"]
    between_eyes = np.linalg.norm(five_of_good[0] - five_of_good[1])
    assert np.linalg.norm(face.points["five"] - five_of_good, axis=1).mean() / between_eyes < 0.2


def test_of_half_a_face_at_the_border_what_is_seen_is_found(extractor):
    (whole,) = extractor.extract(load("formats/rgb.png"))
    (face,) = extractor.extract(load("formats/half_face_at_border.jpg"))
    assert abs(face.box.left) < 3
    assert face.box.right - face.box.left < 0.75 * (whole.box.right - whole.box.left)


def test_threshold_leaves_doubtful_faces_out(extractor):
    image, _ = resized(portraits()[0], 16)
    (face,) = extractor.extract(image)
    assert 0.7 < face.score < 0.95
    assert CenterFace(CenterFaceConfig(threshold=face.score + 0.01)).extract(image) == []
    assert len(CenterFace(CenterFaceConfig(threshold=face.score - 0.01)).extract(image)) == 1


def test_overlap_says_how_much_of_a_face_may_be_hidden_by_another():
    front = portraits()[0].image
    (left, top), (right, bottom) = (
        portraits()[0].landmarks.min(0).astype(int),
        portraits()[0].landmarks.max(0).astype(int),
    )
    scene = front.copy()
    shift = (right - left) // 2
    scene[top - 25 : bottom + 5, left + shift : right + shift] = front[top - 25 : bottom + 5, left:right]
    counts = [len(CenterFace(CenterFaceConfig(overlap=share)).extract(scene)) for share in (0.05, 0.6)]
    assert counts[0] == 1 < counts[1]


def test_the_scores_lie_between_0_and_1_even_where_everything_counts():
    faces = CenterFace(CenterFaceConfig(threshold=0.001)).extract(no_face())
    assert faces and all(0 < face.score < 1 for face in faces)


def test_a_score_of_a_half_is_where_half_are_faces_and_the_rest_keeps_its_order():
    scores = np.linspace(0, 1, 101)
    likely = probability(scores)
    assert (np.diff(likely) > 0).all() and likely[0] == 0 and likely[-1] == 1
    assert probability(AS_LIKELY_AS_NOT) == pytest.approx(0.5)
    assert np.allclose(as_network(likely), scores)


def test_instances_work_side_by_side_in_threads():
    images = [portrait.image for portrait in portraits()] * 2
    expected = [CenterFace().extract(image)[0].points["five"] for image in images]
    extractors = [CenterFace() for _ in images]
    with ThreadPoolExecutor(len(images)) as pool:
        found = pool.map(lambda pair: pair[0].extract(pair[1])[0].points["five"], zip(extractors, images, strict=True))
    assert np.array_equal(list(found), expected)


@pytest.mark.parametrize("setting", ["threshold=0", "threshold=1", "search_side_px=8", "overlap=1.5"])
def test_a_value_out_of_range_is_refused_by_name(setting):
    with pytest.raises(MienError, match=setting.partition("=")[0]):
        Registry().create("extractor", f"centerface:{setting}")
