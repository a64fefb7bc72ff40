"""Stages in threads: order, bounds, errors, and an end without a hang."""

import threading
from collections.abc import Iterator
from contextlib import closing

import cv2
import pytest
import torch

from mien.workers.threads import Pool, Stopwatch, ahead_of, computing_with, ordered_map, prefetched

TIMEOUT = 10


def threads_of_mien() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mien-")]


def test_results_keep_the_order_of_the_items_whoever_is_done_first() -> None:
    done = [threading.Event() for _ in range(4)]

    def last_one_first(number: int) -> int:
        if number < 3:
            assert done[number + 1].wait(TIMEOUT)
        done[number].set()
        return number

    with closing(ordered_map(last_one_first, range(4), workers=4, ahead=4)) as results:
        assert list(results) == [0, 1, 2, 3]
    assert threads_of_mien() == []


def test_no_more_is_taken_than_may_be_ahead() -> None:
    taken: list[int] = []
    enough = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 4:
                enough.set()
            yield number

    with closing(prefetched(items(), ahead=3)) as numbers:
        assert next(numbers) == 0
        assert enough.wait(TIMEOUT)  # one was given, three wait, and one waits to wait
        assert len(taken) == 5
    assert threads_of_mien() == []
    source = iter(range(100))
    with closing(ordered_map(str, source, workers=2, ahead=4)) as texts:
        assert next(texts) == "0"
        assert next(source) == 4


def test_an_error_arrives_where_the_result_would() -> None:
    def fails_at_three(number: int) -> int:
        if number == 3:
            raise ArithmeticError("three")
        return number

    got: list[int] = []
    with (
        pytest.raises(ArithmeticError, match="three"),
        closing(prefetched(ordered_map(fails_at_three, range(10), 2, 4), ahead=2)) as numbers,
    ):
        for number in numbers:
            got.append(number)
    assert got == [0, 1, 2][: len(got)]
    assert threads_of_mien() == []


def test_small_frames_may_be_many_ahead_and_large_ones_few() -> None:
    assert ahead_of(640 * 360 * 3, threads=2) == 24
    assert ahead_of(3840 * 2160 * 3, threads=2) == 5
    assert ahead_of(2**30, threads=2) == 4


def test_a_chain_that_is_left_in_the_middle_ends_all_its_threads() -> None:
    endless = iter(int, 1)
    first = prefetched(endless, ahead=1)
    second = ordered_map(lambda number: number, first, workers=2, ahead=3)
    third = prefetched(second, ahead=1)
    with pytest.raises(KeyboardInterrupt), closing(first), closing(second), closing(third):
        for _ in zip(range(20), third, strict=False):
            pass
        raise KeyboardInterrupt
    assert threads_of_mien() == []


def test_nobody_shares_an_instance_and_no_more_are_made_than_needed() -> None:
    made: list[str] = []

    def make() -> str:
        made.append(f"instance {len(made)}")
        return made[-1]

    pool = Pool(make, at_most=2)
    assert made == ["instance 0"]
    for _ in range(3):
        with pool.borrowed() as name:
            assert name == "instance 0"
    in_use: list[str] = []

    def borrow(_: int) -> None:
        with pool.borrowed() as name:
            assert name not in in_use
            in_use.append(name)
            in_use.remove(name)

    with pool.borrowed(), pool.borrowed():
        assert made == ["instance 0", "instance 1"]
    with closing(ordered_map(borrow, range(200), workers=4, ahead=8)) as results:
        assert len(list(results)) == 200
    assert len(made) == 2


def test_the_stopwatch_adds_up_over_threads() -> None:
    clock = Stopwatch()
    inside = threading.Barrier(2)

    def work(_: int) -> None:
        with clock.running("work"):
            inside.wait(TIMEOUT)

    with closing(ordered_map(work, clock.over("items", range(2)), workers=2, ahead=2)) as results:
        assert len(list(results)) == 2
    assert set(clock.seconds) == {"work", "items"} and min(clock.seconds.values()) > 0


def test_what_threads_call_computes_with_as_many_threads_as_the_block_says() -> None:
    def threads(_: int = 0) -> tuple[int, int]:
        return torch.get_num_threads(), cv2.getNumThreads()

    before = threads()
    with computing_with(1), closing(ordered_map(threads, range(2), workers=2, ahead=2)) as of_threads:
        assert [threads(), *of_threads] == [(1, 1)] * 3
    assert threads() == before
