import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien import MienError
from mien.spread import spread
from mien.training.sampling import Order, StepSampler, repeat_rare, split


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


PEOPLE = [np.arange(0, 40), np.arange(40, 43), np.arange(43, 44)]


def person_of(rows: np.ndarray) -> np.ndarray:
    return np.searchsorted([40, 43], rows, side="right")


@given(st.integers(1, 12), st.integers(0, 200))
def test_balanced_steps_hold_every_person_alike_however_many_faces_they_have(size: int, seed: int) -> None:
    sampler = StepSampler("balanced", PEOPLE, size, seed, 0)
    rows = np.concatenate([sampler.rows(step) for step in range(30)])
    times = np.bincount(person_of(rows), minlength=3)
    assert times.max() - times.min() <= 1
    # Of a person every face comes once before one comes twice.
    own = np.bincount(rows[person_of(rows) == 1] - 40, minlength=3)
    assert own.max() - own.min() <= 1


def test_uniform_steps_hold_every_face_alike() -> None:
    sampler = StepSampler("uniform", PEOPLE, 11, 7)
    rows = np.concatenate([sampler.rows(step) for step in range(8)])
    assert np.bincount(rows).tolist() == [2] * 44


def test_pairs_are_two_faces_of_one_person_or_a_single_one_twice() -> None:
    sampler = StepSampler("pairs", PEOPLE, 6, 3)
    rows = np.concatenate([sampler.rows(step) for step in range(40)]).reshape(-1, 2)
    people = person_of(rows)
    assert (people[:, 0] == people[:, 1]).all()
    assert ((rows[:, 0] == rows[:, 1]) == (people[:, 0] == 2)).all()
    with pytest.raises(MienError, match="7 faces"):
        StepSampler("pairs", PEOPLE, 7, 3)


@pytest.mark.parametrize("sampling", ["balanced", "uniform", "pairs"])
def test_a_step_does_not_depend_on_those_before(sampling: str) -> None:
    asked, fresh = StepSampler(sampling, PEOPLE, 8, 5), StepSampler(sampling, PEOPLE, 8, 5)
    steps = [asked.rows(step) for step in range(20)]
    assert (fresh.rows(17) == steps[17]).all() and (fresh.rows(3) == steps[3]).all()
    assert not (StepSampler(sampling, PEOPLE, 8, 6).rows(0) == steps[0]).all()


def test_of_many_people_some_are_held_out_with_all_their_faces() -> None:
    people = np.repeat(np.arange(20), 3)
    index = pa.table({"source": [f"{person}/{n}.jpg" for n, person in enumerate(people)], "frame": [None] * 60})
    parts = split(index, 0.1, people)
    assert set(people[parts.held_out]) == {9, 19} and not set(people[parts.training]) & {9, 19}
    few = split(index.slice(0, 15), 0.1, people[:15])
    assert not len(few.held_out), "nobody of five is held out"


@given(st.integers(1, 100), st.integers(1, 30))
def test_spread_rows_reach_from_the_first_to_the_last(count: int, most: int) -> None:
    chosen = spread(np.arange(count), most)
    assert len(chosen) == min(count, most) and chosen[0] == 0 and (most == 1 or chosen[-1] == count - 1)
    assert len(set(chosen.tolist())) == len(chosen)
