"""Whether the weights say what a face does."""

from pathlib import Path

import numpy as np
import pytest

from mien.geometry.alignment import align
from mien.geometry.expression import expression
from mien.media.video_reader import VideoSource
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.testing import FeatureContract
from mien_feature_blendshapes.names import NAMES, POINTS

CLIPS = Path(__file__).resolve().parents[4] / "tests" / "data" / "clips"


class TestBlendshapes(FeatureContract):
    name = "blendshapes"


def test_each_weight_has_a_name_and_each_point_its_place():
    assert len(NAMES) == len(set(NAMES)) == 52
    assert len(POINTS) == len(set(POINTS)) == 146
    assert NAMES[25] == "jawOpen" and NAMES[44] == "mouthSmileLeft" and NAMES[9] == "eyeBlinkLeft"


@pytest.fixture(scope="module")
def filmed():
    registry = Registry()
    extractors, features = ExtractorSet("blazeface", registry), FeatureSet("blendshapes", registry)
    with VideoSource(CLIPS / "target_J_2s_audio.mp4") as video:
        crops = [align(frame.image, extractors.extract(frame.image)[0]) for frame in video.frames()]
    (values,) = features.compute(crops).values()
    landmarks = np.stack([crop.landmarks for crop in crops])
    return {name: values[:, number] for number, name in enumerate(NAMES)}, expression(landmarks)


def test_a_smile_is_one(filmed):
    weights, by_landmarks = filmed
    smile = weights["mouthSmileLeft"] + weights["mouthSmileRight"]
    assert smile.max() > 1 > 0.2 > smile.min()
    assert np.corrcoef(smile, by_landmarks.mouth_width)[0, 1] > 0.9


def test_lids_close(filmed):
    weights, by_landmarks = filmed
    blink = weights["eyeBlinkLeft"] + weights["eyeBlinkRight"]
    assert np.corrcoef(blink, by_landmarks.eye_opening)[0, 1] < -0.5
