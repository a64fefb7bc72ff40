"""What an image becomes where nothing is known of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.geometry.alignment import align
from mien.imaging.inpaint import filled
from mien.testing import portraits

HARMONIC = {
    "a slope": lambda x, y: 3 * x + y,
    "a saddle": lambda x, y: x * x - y * y,
    "a wave": lambda x, y: np.exp(3 * x) * np.cos(3 * y),
}


@pytest.mark.parametrize("size", [37, 128])
@pytest.mark.parametrize("name", HARMONIC)
def test_a_hole_in_a_harmonic_image_is_filled_with_the_same(name, size):
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    whole = np.dstack([HARMONIC[name](x, y)] * 3).astype(np.float32)
    known = x**2 + y**2 > 0.4**2
    off = np.abs(filled(whole * known[..., None], known) - whole).max()
    assert off < np.ptp(whole) / 50


@given(
    arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.integers(0, 255)),
    st.integers(0, 2**32 - 1),
)
def test_what_is_known_stays_and_the_rest_lies_between(image, seed):
    known = np.random.default_rng(seed).random(image.shape) < 0.3
    before = image.copy()
    result = filled(image, known)
    assert np.array_equal(image, before)
    assert np.array_equal(result[known], image[known])
    if known.any():
        assert image[known].min() - 1e-3 <= result.min() and result.max() <= image[known].max() + 1e-3
    else:
        assert not result.any()


def test_a_face_goes_on_beyond_its_mask_in_the_colors_of_its_edge():
    crop = align(portraits()[0].image, portraits()[0].landmarks)
    known = crop.mask >= 0.99
    result = filled(crop.image.astype(np.float32), known)
    outside, edge = result[crop.mask == 0], crop.image[known & (np.roll(crop.mask, 3, 0) < 0.99)]
    assert crop.masked_image[crop.mask == 0].max() == 0
    assert edge.min() <= outside.min() and outside.max() <= crop.image[known].max()
    assert np.abs(outside.mean(0) - edge.mean(0)).max() < 40
