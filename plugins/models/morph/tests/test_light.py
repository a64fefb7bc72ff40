"""A drawn face takes the scene's light; what is white stays white in it, and what is black stays black."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien_model_morph.light import coarse, relight

SIDE = 96
SKIN, TEETH, BROW = (0.45, 0.25, 0.18), (0.8, 0.75, 0.65), (0.05, 0.03, 0.02)
"""Linear RGB."""
EVERYWHERE = np.ones((48, 48), np.float32)


def face(light: tuple[float, float, float], *parts: tuple[slice, tuple[float, float, float]]) -> NDArray[np.float32]:
    """CIELab, float32 (96, 96, 3): skin, and stripes of other things on it, in a light."""
    linear = np.empty((SIDE, SIDE, 3), np.float32)
    linear[:] = np.multiply(SKIN, light)
    for where, color in parts:
        linear[where, 20:76] = np.multiply(color, light)
    return np.asarray(cv2.cvtColor(linear, cv2.COLOR_LRGB2LAB))


@pytest.mark.parametrize("light", [(1.0, 0.75, 0.65), (0.6, 0.6, 0.9), (0.5, 0.5, 0.5)])
def test_skin_becomes_the_scenes_and_teeth_are_what_teeth_are_in_that_light(light: tuple[float, float, float]) -> None:
    teeth, brow = (slice(60, 68), TEETH), (slice(20, 26), BROW)
    lit = relight(face((1, 1, 1), teeth, brow), coarse(face(light, teeth, brow)), EVERYWHERE, EVERYWHERE).lab
    wanted = face(light, teeth, brow)
    for row in (44, 64, 23):  # skin, teeth, brow
        assert np.abs(lit[row, 48] - wanted[row, 48]).max() < 6, (row, lit[row, 48], wanted[row, 48])


def test_a_face_that_is_drawn_with_more_contrast_keeps_some_of_it() -> None:
    """A stripe as a brow, and another one half as dark beside it in the scene."""
    pale = tuple(np.add(SKIN, BROW) / 2)
    lit, *_ = relight(
        face((1, 1, 1), (slice(20, 26), BROW)), coarse(face((1, 1, 1), (slice(20, 26), pale))), EVERYWHERE, EVERYWHERE
    )
    dark, paler, darkest = (
        image[23, 48, 0]
        for image in (lit, face((1, 1, 1), (slice(20, 26), pale)), face((1, 1, 1), (slice(20, 26), BROW)))
    )
    assert darkest < dark < paler - 3


def test_in_gray_light_all_is_gray() -> None:
    gray = coarse(face((1, 1, 1)))
    gray[..., 1:] = 0
    lit, *_ = relight(face((1, 1, 1), (slice(60, 68), TEETH)), gray, EVERYWHERE, EVERYWHERE)
    assert np.abs(lit[..., 1:]).max() < 1


def test_lips_filmed_in_light_without_blue_do_not_become_mauve() -> None:
    lips = (slice(60, 72), (0.4, 0.15, 0.16))
    ours = face((1.0, 0.75, 0.3), lips)
    lit, *_ = relight(ours, coarse(face((1, 1, 1))), EVERYWHERE, EVERYWHERE)
    before, after = (image[66, 48, 1:] - image[44, 48, 1:] for image in (ours, lit))
    assert (np.abs(after) < np.abs(before) + 3).all(), (before, after)
