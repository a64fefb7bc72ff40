"""Every face is looked for at a size at which it is drawn well, in a part that shows it whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mien_extractor_centerface.search import LARGEST_PX, TILE_PX, sizes, tiles

shares = st.floats(0, 1)
SMALLEST_PX = 24
"""From here on the network is sure of a face."""


@given(st.integers(32, 20000), st.floats(0.02, 1), shares)
def test_a_face_of_any_size_is_seen_at_a_size_that_the_network_draws_well(shorter, finest, share):
    scales = sizes(shorter, finest)
    smallest, largest = SMALLEST_PX / finest, shorter
    if smallest > largest:
        return
    face = smallest + share * (largest - smallest)
    assert scales[0] == finest
    assert any(SMALLEST_PX - 1e-6 <= face * scale <= LARGEST_PX for scale in scales)


@given(st.integers(1, 12000), st.integers(1, 12000), shares, shares, shares)
def test_a_face_lies_whole_in_some_tile_and_no_tile_is_too_large(width, height, size, x, y):
    face = size * min(LARGEST_PX - 1, width, height)
    left, top = x * (width - face), y * (height - face)
    parts = list(tiles(width, height))
    for from_x, from_y, to_x, to_y in parts:
        assert 0 <= from_x < to_x <= width and 0 <= from_y < to_y <= height
        assert to_x - from_x <= TILE_PX and to_y - from_y <= TILE_PX
    whole = [
        from_x <= left and from_y <= top and left + face <= to_x and top + face <= to_y
        for from_x, from_y, to_x, to_y in parts
    ]
    assert any(whole)


def test_an_image_that_the_network_may_be_given_at_once_is_one_part():
    assert list(tiles(TILE_PX, 1080)) == [(0, 0, TILE_PX, 1080)]
    assert np.allclose(sizes(360, 1.0), [1.0])
