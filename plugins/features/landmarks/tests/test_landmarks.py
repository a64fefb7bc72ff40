"""Which points each subset measures, on a real face."""

import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align
from mien.plugins.registry import Registry
from mien.testing import FeatureContract, portraits
from mien_feature_landmarks.landmarks import LandmarksConfig, LandmarksFeature

TOP_LIP = [48, 49, 50, 51, 52, 53, 54, 64, 63, 62, 61, 60]
BOTTOM_LIP = [54, 55, 56, 57, 58, 59, 48, 60, 67, 66, 65, 64]


class TestLandmarks(FeatureContract):
    name = "landmarks"


class TestRegions(FeatureContract):
    name = "landmarks"
    settings = {"points": "regions"}


@pytest.fixture(scope="module")
def crop():
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks)


@pytest.fixture(scope="module")
def shares(crop):
    return (crop.landmarks + 0.5) / 128


def measure(crop, points):
    return LandmarksFeature(LandmarksConfig(points=points)).compute([crop])[0]


def test_68_are_the_landmarks_as_shares_of_the_crop(crop, shares):
    np.testing.assert_array_equal(measure(crop, 68), shares)


def test_72_list_the_lips_one_after_the_other(crop, shares):
    np.testing.assert_array_equal(measure(crop, 72), np.concatenate([shares[:48], shares[TOP_LIP], shares[BOTTOM_LIP]]))


def test_28_are_eyes_contour_nose_and_mouth(crop, shares):
    values, of_72 = measure(crop, 28), measure(crop, 72)
    np.testing.assert_array_equal(values[:6], shares[42:48])
    np.testing.assert_array_equal(values[6:12], shares[36:42])
    np.testing.assert_array_equal(values[12:17], shares[[0, 4, 8, 12, 16]])
    np.testing.assert_allclose(values[17], shares[31:36].mean(0), atol=1e-6)
    np.testing.assert_array_equal(values[18:], of_72[[48, 50, 52, 56, 58, 60, 62, 64, 68, 70]])


def test_10_and_5_begin_with_the_means_of_eyes_and_nose(crop, shares):
    values, of_72 = measure(crop, 10), measure(crop, 72)
    means = [shares[36:42].mean(0), shares[42:48].mean(0), shares[31:36].mean(0)]
    np.testing.assert_allclose(values[:3], means, atol=1e-6)
    np.testing.assert_array_equal(values[3:], of_72[[48, 60, 51, 63, 8, 2, 14]])
    np.testing.assert_array_equal(measure(crop, 5), values[:5])


def test_regions_are_nine_means(crop, shares):
    values = measure(crop, "regions")
    assert values.shape == (9, 2)
    np.testing.assert_allclose(values[0], shares[:17].mean(0), atol=1e-6)
    np.testing.assert_allclose(values[7], shares[TOP_LIP].mean(0), atol=1e-6)
    np.testing.assert_allclose(values[8], shares[BOTTOM_LIP].mean(0), atol=1e-6)


@pytest.mark.parametrize("points", [72, 68, 28, 10, 5, "regions"])
def test_values_do_not_depend_on_the_size_of_the_crop(points):
    portrait = portraits()[1]
    small, large = (align(portrait.image, portrait.landmarks, AlignmentConfig(size=size)) for size in (16, 128))
    np.testing.assert_allclose(measure(small, points), measure(large, points), atol=1e-5)


def test_points_may_be_typed():
    feature = Registry().create("feature", "landmarks:points=28")
    assert feature.shape == (28, 2)
