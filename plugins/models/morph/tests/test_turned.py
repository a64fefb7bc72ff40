"""What is turned away in a picture is drawn as the other side shows it."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.geometry.pose import mean_shape
from mien_model_morph.frame import Pose
from mien_model_morph.turned import with_mirrored_half

LEFT = slice(50, 90)
"""Columns of the frame where a cheek lies."""


def seen(yaw_degrees: float) -> NDArray[np.float64]:
    """The landmarks of the mean head, turned to the image's right."""
    turn, _ = cv2.Rodrigues(np.array([0.0, np.radians(yaw_degrees), 0.0]))
    return Pose(turn, 100.0, np.array([128.0, 128.0])).seen(mean_shape())


@pytest.fixture(scope="module")
def texture() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)


def test_a_face_that_looks_into_the_camera_stays_as_it_is(texture: NDArray[np.uint8]) -> None:
    for yaw in (-4, 0, 4):
        assert np.array_equal(with_mirrored_half(texture, seen(yaw)), texture)


@pytest.mark.parametrize("yaw", [-45, 45])
def test_the_hidden_cheek_is_the_other_one_mirrored(texture: NDArray[np.uint8], yaw: int) -> None:
    whole = with_mirrored_half(texture, seen(yaw))
    assert not np.array_equal(whole, texture)
    cheeks = np.s_[110:170]  # where there is face on both sides, in rows of the frame
    shown = texture if np.array_equal(whole[cheeks, LEFT], texture[cheeks, LEFT]) else texture[:, ::-1]
    assert np.array_equal(whole[cheeks, LEFT], shown[cheeks, LEFT])
    assert np.array_equal(whole[:, ::-1][cheeks, LEFT], shown[cheeks, LEFT])


def test_sides_are_exchanged_with_the_head(texture: NDArray[np.uint8]) -> None:
    to_the_right = with_mirrored_half(texture, seen(30)).astype(float)
    to_the_left = with_mirrored_half(np.ascontiguousarray(texture[:, ::-1]), seen(-30))
    # Triangles are Delaunay's, which need not be the same on both sides.
    assert np.abs(to_the_right - to_the_left[:, ::-1]).mean() < 0.01 * np.abs(to_the_right - texture).mean()


def test_it_comes_gradually_as_the_head_turns(texture: NDArray[np.uint8]) -> None:
    soft = cv2.GaussianBlur(texture, (0, 0), 8)
    drawn = [with_mirrored_half(soft, seen(yaw)).astype(float) for yaw in range(50)]
    steps = [np.abs(after - before).mean() for before, after in pairwise(drawn)]
    assert max(steps) < 0.15 * np.abs(drawn[-1] - drawn[0]).mean()
