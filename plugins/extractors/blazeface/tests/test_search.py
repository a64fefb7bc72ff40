"""Tiles show every face that is large enough, whole and at a size that the network knows."""

from hypothesis import assume, given
from hypothesis import strategies as st

from mien_extractor_blazeface.search import tiles

SMALLEST_SHARE = 0.06
shares = st.floats(0, 1)


@given(st.integers(30, 12000), st.integers(30, 12000), st.integers(12, 200), shares, shares, shares)
def test_a_face_lies_whole_in_some_part_and_is_no_smaller_there_than_the_network_knows(w, h, smallest, size, x, y):
    largest = min(w, h)
    assume(smallest <= largest)
    face = smallest + size * (largest - smallest)
    left, top = x * (w - face), y * (h - face)
    parts = [(0, 0, max(w, h)), *tiles(w, h, smallest)]
    assert any(
        part_left <= left
        and left + face <= part_left + side
        and part_top <= top
        and top + face <= part_top + side
        and face >= SMALLEST_SHARE * (side - 1)
        for part_left, part_top, side in parts
    )


@given(st.integers(1, 12000), st.integers(1, 12000), st.integers(12, 200))
def test_every_tile_lies_in_the_image_and_there_are_not_too_many(width, height, smallest):
    found = list(tiles(width, height, smallest))
    for left, top, side in found:
        assert 0 <= left <= max(0, width - side) and 0 <= top <= max(0, height - side)
    finest = smallest / SMALLEST_SHARE
    assert len(found) <= 2.2 * (width / (0.75 * finest) + 1) * (height / (0.75 * finest) + 1)


def test_an_image_in_which_the_network_knows_the_smallest_face_needs_no_tiles():
    assert list(tiles(400, 300, 24)) == []
