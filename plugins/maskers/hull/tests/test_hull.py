"""What the study's mask holds of a real face."""

from dataclasses import replace

import numpy as np
import pytest

from mien import Box, Face
from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import hull_mask
from mien.testing import MaskerContract, portraits
from mien_masker_hull.hull import Hull, HullConfig


class TestHull(MaskerContract):
    name = "hull"


class TestUndilated(MaskerContract):
    name = "hull"
    settings = {"dilation": 0.0}


@pytest.fixture(scope="module")
def crop():
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks)


def test_it_is_the_study_s_mask(crop):
    (mask,) = Hull().mask([crop])
    np.testing.assert_array_equal(mask, np.rint(hull_mask(crop.landmarks, 128, 0.1) * 255))


def test_it_grows_by_half_the_kernel_on_each_side(crop):
    narrow, wide = (Hull(HullConfig(dilation=width)).mask([crop])[0] for width in (0.0, 0.2))
    assert (wide >= narrow).all()
    (left, right), (far_left, far_right) = (np.flatnonzero((mask > 127).any(0))[[0, -1]] for mask in (narrow, wide))
    assert left - far_left <= 0.1 * 128 + 1 and far_right - right <= 0.1 * 128 + 1
    assert (wide > 127).sum() > (narrow > 127).sum() + 1000


def test_a_face_without_landmarks_is_the_ellipse_in_its_box():
    portrait = portraits()[0]
    face = Face(Box(100, 80, 180, 200), None, 1.0)
    crop = align(portrait.image, face, AlignmentConfig(template="box", margin=0.25))
    (mask,) = Hull(HullConfig(dilation=0.0)).mask([crop])
    assert (mask > 127).sum() == pytest.approx(np.pi / 4 * 80 * 120 * (128 / 180) ** 2, rel=0.02)
    without_box = replace(crop, points={})
    assert 0.6 < (Hull(HullConfig(dilation=0.0)).mask([without_box])[0] > 127).mean() < 0.7
