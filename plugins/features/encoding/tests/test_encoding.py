"""Whether the encoding tells the people of real clips apart."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
import pytest
import torch

from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align
from mien.media.video_reader import VideoSource
from mien.plugins.registry import Registry
from mien.testing import FeatureContract, portraits
from mien_feature_encoding.encoding import Encoding
from mien_feature_encoding.network import CHIP_PX, RecognitionNetwork

CLIPS = Path(__file__).resolve().parents[4] / "tests" / "data" / "clips"
NET = str(
    Path(find_spec("face_recognition_models").origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
)


class TestEncoding(FeatureContract):
    name = "encoding"


@pytest.fixture(scope="module")
def encoding():
    return Encoding()


def encodings(feature, clip, every):
    extractor = Registry().create("extractor", "face_recognition")
    with VideoSource(CLIPS / clip) as video:
        images = [frame.image for frame in video.frames() if frame.index % every == 0]
    return feature.compute([align(image, extractor.extract(image)[0].landmarks) for image in images])


def distances(these, those):
    return np.linalg.norm(these[:, None] - those[None], axis=2)


def test_frames_of_one_person_are_near_and_two_people_are_far(encoding):
    one = encodings(encoding, "target_E_4s_silent.mp4", 25)
    other = encodings(encoding, "target_J_2s_audio.mp4", 15)
    limit = Encoding.same_person_below
    assert distances(one, one).max() < limit
    assert distances(other, other).max() < limit
    assert distances(one, other).min() > limit


def test_it_is_dlibs_own_encoding_whatever_the_size_of_the_crop(encoding):
    portrait = portraits()[0]
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in portrait.landmarks])
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, 1, 1), parts)
    net = dlib.face_recognition_model_v1(NET)
    expected = np.array(net.compute_face_descriptor(portrait.image, shape), np.float32)
    for size in (16, 32, 200):
        crop = align(portrait.image, portrait.landmarks, AlignmentConfig(size=size))
        np.testing.assert_allclose(encoding.compute([crop])[0], expected, atol=2e-6)


def test_any_chip_is_encoded_as_dlib_does(encoding):
    net = dlib.face_recognition_model_v1(NET)
    noise = np.random.default_rng(0)
    for _ in range(5):
        chip = noise.integers(0, 256, (CHIP_PX, CHIP_PX, 3), np.uint8)
        with torch.inference_mode():
            ours = encoding._net(torch.from_numpy(chip).permute(2, 0, 1)[None].float())[0]
        np.testing.assert_allclose(ours, np.array(net.compute_face_descriptor(chip)), atol=2e-6)


def test_another_file_than_dlibs_network_is_refused(tmp_path):
    file = tmp_path / "other.dat"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="no network of dlib's"):
        RecognitionNetwork(file)


def test_a_crop_without_its_scene_is_refused_with_what_to_do(encoding):
    portrait = portraits()[0]
    crop = align(portrait.image, portrait.landmarks)
    with pytest.raises(MienError, match="face 1 ") as raised:
        encoding.compute([crop, replace(crop, scene=None)])
    assert "mien preprocess" in raised.value.fix


def test_the_template_dlib_is_where_dlib_cuts_its_chips():
    for portrait in portraits():
        parts = dlib.points([dlib.point(int(x), int(y)) for x, y in np.rint(portrait.landmarks)])
        box = dlib.rectangle(0, 0, 1, 1)
        chip = dlib.get_face_chip(portrait.image, dlib.full_object_detection(box, parts), 150, 0.25)
        ours = align(portrait.image, np.rint(portrait.landmarks), AlignmentConfig(size=150, template="dlib")).image
        moved = [np.abs(np.roll(chip, s, (0, 1)).astype(int) - ours)[20:130, 20:130].mean() for s in ((0, 0), (3, 3))]
        assert moved[0] < 7
        assert moved[0] < moved[1] / 3
