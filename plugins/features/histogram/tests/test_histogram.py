"""What a histogram tells of a real face."""

from dataclasses import replace

import numpy as np
import pytest

from mien.geometry.alignment import align
from mien.testing import FeatureContract, portraits
from mien_feature_histogram.histogram import Histogram, HistogramConfig


class TestHistogram(FeatureContract):
    name = "histogram"


class TestTwoBins(FeatureContract):
    name = "histogram"
    settings = {"bins": 2}


@pytest.fixture(scope="module")
def crop():
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks)


def measure(crop, bins=10):
    return Histogram(HistogramConfig(bins=bins)).compute([crop])[0]


@pytest.mark.parametrize("bins", [2, 3, 10, 256])
def test_the_shares_of_a_channel_add_up_to_one(crop, bins):
    np.testing.assert_allclose(measure(crop, bins).sum(1), 1, atol=1e-5)


def test_a_bin_counts_the_pixels_of_its_range_by_their_mask(crop):
    weighted = (crop.masked_image[..., 1] // 64 == 2) * crop.mask
    np.testing.assert_allclose(measure(crop, 4)[1, 2], weighted.sum() / crop.mask.sum(), atol=1e-5)


def test_a_face_of_one_color_fills_one_bin_of_each_channel(crop):
    blue = replace(crop, image=np.full_like(crop.image, (0, 128, 255)))
    blue = replace(blue, mask=(crop.mask == 1).astype(np.float32))  # a soft edge darkens
    expected = np.zeros((3, 10))
    expected[[0, 1, 2], [0, 5, 9]] = 1
    np.testing.assert_allclose(measure(blue), expected, atol=1e-6)


def test_what_the_mask_hides_does_not_count(crop):
    white_around = replace(crop, image=np.where(crop.mask[..., None] > 0, crop.image, 255).astype(np.uint8))
    np.testing.assert_array_equal(measure(white_around), measure(crop))


def test_a_face_in_other_light_has_another_histogram_and_a_mirrored_one_has_not(crop):
    mirrored = replace(crop, image=crop.image[:, ::-1], mask=crop.mask[:, ::-1])
    dark = replace(crop, image=crop.image // 2)
    np.testing.assert_allclose(measure(mirrored), measure(crop), atol=1e-6)
    assert np.abs(measure(dark) - measure(crop)).sum() > 1


def test_without_a_mask_there_is_nothing_to_count(crop):
    assert not measure(replace(crop, mask=np.zeros_like(crop.mask))).any()
