"""What this extractor finds, and how its settings change that."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from PIL import ImageFile

from mien.contracts.face import Box, Face
from mien.errors import MienError
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import ExtractorContract, no_face, portraits, side_by_side
from mien_extractor_face_recognition.extractor import FaceRecognition, FaceRecognitionConfig

CLIPS = Path(__file__).resolve().parents[4] / "tests" / "data" / "clips"


class TestFaceRecognition(ExtractorContract):
    name = "face_recognition"


class TestFullSearch(ExtractorContract):
    name = "face_recognition"
    settings = {"search": "full", "upsample": 0}


def resized(image, factor):
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


def frames(clip, every):
    with VideoSource(CLIPS / clip) as video:
        return [frame.image for frame in video.frames() if frame.index % every == 0]


def overlap(one, other):
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one.area + other.area - shared)


@pytest.mark.parametrize(
    ("clip", "every"), [("target_E_4s_silent.mp4", 12), ("target_J_2s_audio.mp4", 12), ("two_people_2s_audio.mp4", 24)]
)
def test_a_quick_search_finds_what_one_upsampling_finds(clip, every):
    quick, full = FaceRecognition(), FaceRecognition(FaceRecognitionConfig(search="full"))
    for image in frames(clip, every):
        expected, found = full.extract(image), quick.extract(image)
        assert expected
        assert all(any(overlap(face.box, other.box) > 0.4 for other in found) for face in expected)


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
def test_a_full_search_finds_the_very_faces_of_face_recognition(monkeypatch):
    # Importing face_recognition lets Pillow take broken files for whole ones; other tests must not see that.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    image = side_by_side(*(portrait.image for portrait in portraits()))
    faces = FaceRecognition(FaceRecognitionConfig(search="full")).extract(image)
    import face_recognition.api

    edges = [(face.box.top, face.box.right - 1, face.box.bottom - 1, face.box.left) for face in faces]
    boxes = [tuple(map(int, edge)) for edge in edges]
    assert sorted(boxes) == sorted(face_recognition.api.face_locations(image, number_of_times_to_upsample=1))
    for face, box in zip(faces, boxes, strict=True):
        chin = face_recognition.api.face_landmarks(image, [box])[0]["chin"]
        assert np.array_equal(face.landmarks[:17], np.array(chin, np.float32))


def test_the_detector_is_the_one_that_dlib_unpacks(tmp_path):
    dlib.get_frontal_face_detector().save(str(tmp_path / "unpacked.svm"))
    file = resources.files("mien_extractor_face_recognition") / "networks" / "frontal_face_detector.svm"
    assert file.read_bytes() == (tmp_path / "unpacked.svm").read_bytes()


def test_a_small_face_is_found_with_an_upsampling_only():
    image = resized(portraits()[0].image, 0.6)  # a face of 55 px
    assert FaceRecognition(FaceRecognitionConfig(upsample=0)).extract(image) == []
    assert len(FaceRecognition(FaceRecognitionConfig(upsample=1)).extract(image)) == 1


def test_a_full_search_finds_a_small_face_beside_a_large_one():
    large, small = portraits()[1].image, resized(portraits()[0].image, 0.6)
    image = side_by_side(large, small)
    full = FaceRecognition(FaceRecognitionConfig(search="full")).extract(image)
    assert len(full) == 2
    assert len(FaceRecognition().extract(image)) == 1, "as the setting's documentation says"


def test_landmarks_of_a_large_image_come_from_its_full_size():
    portrait = portraits()[0]
    config = FaceRecognitionConfig(search="full", max_side_px=400)
    (face,) = FaceRecognition(config).extract(resized(portrait.image, 8))
    eyes = np.linalg.norm(portrait.landmarks[36:42].mean(0) - portrait.landmarks[42:48].mean(0)) * 8
    apart = np.linalg.norm(face.landmarks - (portrait.landmarks + 0.5) * 8 + 0.5, axis=1)
    assert apart.mean() / eyes < 0.03
    assert len(np.unique(face.landmarks[:, 0] % 8)) > 4, "landmarks lie between the pixels of the shrunk image"


def test_min_score_leaves_doubtful_faces_out():
    image = portraits()[0].image
    (face,) = FaceRecognition().extract(image)
    assert FaceRecognition(FaceRecognitionConfig(min_score=(face.score + 1) / 2, upsample=0)).extract(image) == []
    doubtful = FaceRecognition(FaceRecognitionConfig(min_score=0.02)).extract(no_face())
    assert doubtful
    assert all(0.02 <= face.score < 0.5 for face in doubtful)


def test_half_is_dlibs_own_threshold():
    detector = dlib.get_frontal_face_detector()
    extractor = FaceRecognition(FaceRecognitionConfig(search="full", min_score=0.02, upsample=0))
    for image in (no_face(), *(portrait.image for portrait in portraits())):
        _, scores, _ = detector.run(image, 0, -0.9)
        found = [face.score for face in extractor.extract(image)]
        assert sum(score > 0.5 for score in found) == sum(score > 0 for score in scores)
        assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("degrees", [0, 40, -75, 180])
def test_a_face_that_it_would_not_find_is_measured_where_another_found_it(degrees):
    """Turned, and smaller than it finds one; the five points say how far it is turned."""
    portrait = portraits()[0]
    height, width = portrait.image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.35)
    image = cv2.warpAffine(portrait.image, turn, (width, height), flags=cv2.INTER_AREA)
    expected = portrait.landmarks @ turn[:, :2].T + turn[:, 2]
    five = np.stack([expected[36:42].mean(0), expected[42:48].mean(0), *expected[[30, 48, 54]]]).astype(np.float32)
    extractor = FaceRecognition(FaceRecognitionConfig(upsample=0))
    assert extractor.extract(image) == []
    (left, top), (right, bottom) = expected.min(0), expected.max(0)
    (face,) = extractor.measure(image, [Face(Box(left, top, right, bottom), None, 0.9, {"five": five})])
    eyes = np.linalg.norm(five[0] - five[1])
    assert np.linalg.norm(face.landmarks - expected, axis=1).mean() / eyes < 0.1
    assert (face.score, face.points["five"] is five) == (0.9, True)


def test_a_face_is_located_without_being_measured():
    (face,) = FaceRecognition().locate(portraits()[0].image)
    assert face.landmarks is None


def test_what_is_no_face_is_not_measured():
    image = no_face()
    (answer,) = FaceRecognition().measure(image, [Face(Box(20, 20, 100, 100), None, 0.9)])
    assert answer is None


def test_instances_work_side_by_side_in_threads():
    images = [portrait.image for portrait in portraits()] * 2
    expected = [FaceRecognition().extract(image)[0].landmarks for image in images]
    extractors = [FaceRecognition() for _ in images]
    with ThreadPoolExecutor(len(images)) as pool:
        found = pool.map(lambda pair: pair[0].extract(pair[1])[0].landmarks, zip(extractors, images, strict=True))
    assert np.array_equal(list(found), expected)


def test_it_is_silent_and_leaves_pillow_as_it_was():
    code = """
import warnings
from PIL import ImageFile
from mien_extractor_face_recognition.extractor import FaceRecognition
with warnings.catch_warnings():
    warnings.simplefilter("error")
    FaceRecognition()
assert not ImageFile.LOAD_TRUNCATED_IMAGES
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("setting", ["upsample=4", "search=thorough", "max_side_px=10", "min_score=nan", "min_score=1"])
def test_a_value_out_of_range_is_refused_by_name(setting):
    with pytest.raises(MienError, match=setting.partition("=")[0]):
        Registry().create("extractor", f"face_recognition:{setting}")
