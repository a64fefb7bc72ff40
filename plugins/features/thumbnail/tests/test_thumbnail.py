"""What a thumbnail keeps of a real face."""

import numpy as np
import pytest

from mien.geometry.alignment import align
from mien.testing import FeatureContract, portraits
from mien_feature_thumbnail.thumbnail import Thumbnail, ThumbnailConfig


class TestThumbnail(FeatureContract):
    name = "thumbnail"


class TestOnePixel(FeatureContract):
    name = "thumbnail"
    settings = {"size": 1}


@pytest.fixture(scope="module")
def crop():
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks)


def measure(crop, size):
    return Thumbnail(ThumbnailConfig(size=size)).compute([crop])[0]


def test_one_pixel_is_the_mean(crop):
    np.testing.assert_allclose(measure(crop, 1)[0, 0], crop.masked_image.mean((0, 1)) / 255, atol=1e-5)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_each_pixel_is_the_mean_of_its_area(crop, size):
    areas = crop.masked_image.reshape(size, 128 // size, size, 128 // size, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(measure(crop, size), areas, atol=1e-5)


def test_sizes_that_do_not_divide_the_crop_keep_its_mean(crop):
    np.testing.assert_allclose(measure(crop, 7).mean((0, 1)), crop.masked_image.mean((0, 1)) / 255, atol=1e-4)


def test_at_the_crops_own_size_it_is_the_crop(crop):
    np.testing.assert_allclose(measure(crop, 128) * 255, crop.masked_image, atol=1e-3)
