"""Whether the encoding tells the people of real clips apart."""

from pathlib import Path

import numpy as np
import pytest

from mien.geometry.alignment import align
from mien.media.video_reader import VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.testing import FeatureContract
from mien.tracking.recognizer import Recognizer
from mien_feature_sface.network import SFaceNetwork
from mien_feature_sface.sface import SFace

CLIPS = Path(__file__).resolve().parents[4] / "tests" / "data" / "clips"


class TestSFace(FeatureContract):
    name = "sface"


def encodings(recognizer, clip, every):
    extractors = ExtractorSet("blazeface", Registry())
    with VideoSource(CLIPS / clip) as video:
        images = [frame.image for frame in video.frames() if frame.index % every == 0]
    return recognizer.encode([align(image, extractors.extract(image)[0]) for image in images])


def test_frames_of_one_person_are_near_and_two_people_are_far():
    recognizer = Recognizer(Registry(), "sface")
    one = encodings(recognizer, "target_E_4s_silent.mp4", 25)
    other = encodings(recognizer, "target_J_2s_audio.mp4", 15)
    limit = SFace.same_person_below
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(one[:, None] - one, axis=2).max() < limit
    assert np.linalg.norm(other[:, None] - other, axis=2).max() < limit
    assert np.linalg.norm(one[:, None] - other, axis=2).min() > limit


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError, match="numbers"):
        SFaceNetwork({})
