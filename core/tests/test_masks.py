"""Depths inside of a shape are exact, and the same on one thread as on many."""

import cv2
import numpy as np
import pytest

from mien.geometry.masks import depth_inside, distance_to_others


def a_shape(side: int = 200) -> np.ndarray:
    drawn = np.zeros((side, side), np.uint8)
    cv2.ellipse(drawn, (side // 2, side // 2), (side // 3, side // 2), 20, 0, 360, 1, -1)
    return drawn > 0


def test_depths_are_those_of_the_nearest_pixel_outside() -> None:
    shape = a_shape(24)
    around = np.pad(shape, 1)
    outside = np.argwhere(~around)
    wanted = [
        [np.hypot(*(outside - at).T).min() for at in zip(*row, strict=True)]
        for row in np.indices(around.shape).transpose(1, 0, 2)
    ]
    assert np.allclose(depth_inside(shape), np.array(wanted)[1:-1, 1:-1], atol=1e-6)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_they_are_the_same_however_many_threads_opencv_has(threads: int) -> None:
    before, shape = cv2.getNumThreads(), a_shape()
    try:
        cv2.setNumThreads(1)
        by_one = depth_inside(shape), distance_to_others(~shape)
        cv2.setNumThreads(threads)
        by_many = depth_inside(shape), distance_to_others(~shape)
    finally:
        cv2.setNumThreads(before)
    assert all(np.array_equal(one, many) for one, many in zip(by_one, by_many, strict=True))
