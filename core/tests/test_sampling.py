import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mien.training.sampling import Order, repeat_rare, split


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 2**31))
def test_an_epoch_holds_every_row_once_in_an_order_of_its_own(count: int, size: int, seed: int) -> None:
    rows = np.arange(100, 100 + count)
    blocks = [Order(rows, seed, 0).block(number, size) for number in range(2 * count)]
    line = np.concatenate(blocks)
    for epoch in range(len(line) // count):
        assert sorted(line[epoch * count : (epoch + 1) * count]) == rows.tolist()


def test_a_block_does_not_depend_on_what_was_asked_before() -> None:
    asked, fresh = Order(np.arange(37), 5), Order(np.arange(37), 5)
    all_blocks = [asked.block(number, 8) for number in range(20)]
    assert (fresh.block(17, 8) == all_blocks[17]).all()
    assert not (Order(np.arange(37), 6).block(0, 8) == all_blocks[0]).all()


def test_the_end_of_every_clip_and_folder_is_held_out() -> None:
    index = pa.table(
        {
            "source": ["a.mp4"] * 20 + ["b.mp4"] * 10 + [f"stills/{n}.jpg" for n in range(10)] + ["alone/x.jpg"],
            "frame": [*range(20), *range(10), *[None] * 11],
        }
    )
    parts = split(index, 0.2)
    assert parts.held_out.tolist() == [16, 17, 18, 19, 28, 29, 38, 39]
    assert sorted([*parts.training, *parts.held_out]) == list(range(41))


@given(st.floats(0, 0.99), st.integers(1, 200))
def test_something_is_always_left_to_train_on(share: float, count: int) -> None:
    index = pa.table({"source": ["a.mp4"] * count, "frame": range(count)})
    assert len(split(index, share).training) >= 1


@given(st.integers(1, 300), st.integers(2, 9), st.integers(0, 99))
def test_rare_faces_come_oftener_and_none_is_lost(count: int, most: int, seed: int) -> None:
    measures = np.random.default_rng(seed).normal(size=(count, 3))
    repeated = repeat_rare(np.arange(count), measures, most)
    times = np.bincount(repeated, minlength=count)
    assert times.min() >= 1 and times.max() <= most


def test_the_one_blink_comes_oftener_than_open_eyes() -> None:
    opening = np.full((100, 1), 0.1) + np.linspace(0, 0.001, 100)[:, None]
    opening[40:44] = 0.0
    repeated = repeat_rare(np.arange(100), opening, 4)
    times = np.bincount(repeated)
    assert (times[40:44] == 3).all() and (np.delete(times, slice(40, 44)) == 1).all()
