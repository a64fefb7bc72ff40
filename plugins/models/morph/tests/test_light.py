"""A drawn face takes the scene's light; what is white stays white in it, and what is black stays black."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien_model_morph.light import Parts, coarse, relight

SIDE = 96
SKIN, TEETH, BROW = (0.45, 0.25, 0.18), (0.8, 0.75, 0.65), (0.05, 0.03, 0.02)
"""Linear RGB."""
FACE = np.ones((48, 48), np.float32)
NOTHING = np.zeros((48, 48), np.float32)


def face(light: tuple[float, float, float], *parts: tuple[slice, tuple[float, float, float]]) -> NDArray[np.float32]:
    """CIELab, float32 (96, 96, 3): skin, and stripes of other things on it, in a light."""
    linear = np.empty((SIDE, SIDE, 3), np.float32)
    linear[:] = np.multiply(SKIN, light)
    for where, color in parts:
        linear[where, 20:76] = np.multiply(color, light)
    return np.asarray(cv2.cvtColor(linear, cv2.COLOR_LRGB2LAB))


def skin_beside(*parts: slice) -> NDArray[np.float32]:
    """All but the stripes, float32 (48, 48)."""
    skin = np.ones((SIDE, SIDE), np.float32)
    for where in parts:
        skin[where, 20:76] = 0
    return np.asarray(cv2.resize(skin, (48, 48), interpolation=cv2.INTER_AREA))


def parts(
    skin: NDArray[np.float32], lips: NDArray[np.float32] = NOTHING, brows: NDArray[np.float32] = NOTHING
) -> Parts:
    """All is face; cheeks are in the upper half."""
    cheeks = np.zeros((48, 48), np.float32)
    cheeks[10:26, 8:40] = 1
    return Parts(skin, FACE, cheeks, lips, brows, lips, brows)


@pytest.mark.parametrize("light", [(1.0, 0.75, 0.65), (0.6, 0.6, 0.9), (0.5, 0.5, 0.5)])
def test_skin_becomes_the_scenes_and_teeth_are_what_teeth_are_in_that_light(light: tuple[float, float, float]) -> None:
    teeth, brow = (slice(60, 68), TEETH), (slice(20, 26), BROW)
    skin = skin_beside(teeth[0], brow[0])
    lit = relight(face((1, 1, 1), teeth, brow), coarse(face(light, teeth, brow)), parts(skin)).lab
    wanted = face(light, teeth, brow)
    for row in (44, 64, 23):  # skin, teeth, brow
        assert np.abs(lit[row, 48] - wanted[row, 48]).max() < 6, (row, lit[row, 48], wanted[row, 48])


def test_a_face_that_is_drawn_with_more_contrast_keeps_some_of_it() -> None:
    """A stripe as a brow, and another one half as dark beside it in the scene."""
    pale, where = tuple(np.add(SKIN, BROW) / 2), slice(20, 26)
    lit, *_ = relight(face((1, 1, 1), (where, BROW)), coarse(face((1, 1, 1), (where, pale))), parts(skin_beside(where)))
    dark, paler, darkest = (
        image[23, 48, 0]
        for image in (lit, face((1, 1, 1), (slice(20, 26), pale)), face((1, 1, 1), (slice(20, 26), BROW)))
    )
    assert darkest < dark < paler - 3


def test_in_gray_light_all_is_gray() -> None:
    gray = coarse(face((1, 1, 1)))
    gray[..., 1:] = 0
    teeth = slice(60, 68)
    lit, *_ = relight(face((1, 1, 1), (teeth, TEETH)), gray, parts(skin_beside(teeth)))
    assert np.abs(lit[..., 1:]).max() < 1


def test_lips_filmed_in_light_without_blue_do_not_become_mauve() -> None:
    lips = (slice(60, 72), (0.4, 0.15, 0.16))
    ours = face((1.0, 0.75, 0.3), lips)
    skin = skin_beside(lips[0])
    lit, *_ = relight(ours, coarse(face((1, 1, 1))), parts(skin, FACE - skin))
    before, after = (image[66, 48, 1:] - image[44, 48, 1:] for image in (ours, lit))
    assert (np.abs(after) < np.abs(before) + 3).all(), (before, after)


def test_folds_of_skin_become_as_soft_as_the_scenes_whatever_hair_lies_before_it() -> None:
    """Stripes of skin that are darker and lighter, three times as much where they are drawn."""
    skin, hair = np.ones((48, 48), np.float32), np.zeros((SIDE, SIDE, 3), np.float32)
    folds = np.zeros((SIDE, SIDE, 3), np.float32)
    folds[..., 0] = np.sign(np.sin(np.arange(SIDE) / 3))[:, None]
    hair[:, :16, 0] = -40
    plain = face((1, 1, 1))
    lit = relight(plain + 6 * folds, coarse(plain + 2 * folds + hair), parts(skin)).lab
    wanted = float(np.abs((lit - plain)[20:76, 30:80, 0]).mean())
    assert wanted == pytest.approx(2, abs=0.7)


def test_lips_become_as_red_and_dark_as_in_the_scene_and_never_paler() -> None:
    lips, skin = slice(60, 72), skin_beside(slice(60, 72))
    red, pale, dark = (0.45, 0.12, 0.1), (0.45, 0.23, 0.18), (0.25, 0.14, 0.1)
    light = (0.6, 0.6, 0.7)

    def drawn(own: tuple[float, float, float], theirs: tuple[float, float, float]) -> NDArray[np.float32]:
        """Lips' color less the skin's."""
        scene = coarse(face(light, (lips, theirs)))
        lit = relight(face((1, 1, 1), (lips, own)), scene, parts(skin, FACE - skin)).lab
        return np.asarray(lit[66, 48] - lit[44, 48])

    in_the_scene = face(light, (lips, red))
    redness = in_the_scene[66, 48, 1] - in_the_scene[44, 48, 1]
    assert drawn(pale, SKIN)[1] + 5 < drawn(pale, red)[1] < redness
    assert drawn(red, SKIN)[1] == pytest.approx(drawn(red, pale)[1], abs=2)
    brown, of_red = drawn(pale, dark), drawn(pale, red)
    assert brown[0] > drawn(dark, dark)[0] and of_red[0] < drawn(pale, SKIN)[0] - 3


def test_a_gray_beard_does_not_make_the_face_gray_nor_a_bright_side_dark() -> None:
    plain, side = face((1, 1, 1)), np.zeros((SIDE, SIDE, 3), np.float32)
    bearded = plain.copy()
    bearded[56:, :, 1:] *= 0.2
    lit = relight(plain, coarse(bearded), parts(FACE)).lab
    assert np.abs(lit[44, 48, 1:] - plain[44, 48, 1:]).max() < 2
    side[:, :40, 0] = 35
    lit = relight(plain, coarse(plain + side), parts(FACE)).lab
    assert -0.5 < lit[..., 0].mean() - (plain + side)[..., 0].mean() < 2.5


def test_brows_are_about_as_dark_as_the_scenes_and_eyes_beside_them_stay() -> None:
    brow, eyes = slice(20, 26), (slice(32, 38), BROW)
    fair, skin = tuple(np.multiply(SKIN, 0.8)), skin_beside(brow, eyes[0])
    brows = FACE - skin_beside(brow)

    def drawn(theirs: tuple[float, float, float]) -> tuple[float, float]:
        """How much darker than the skin brows and eyes are."""
        scene = coarse(face((1, 1, 1), (brow, theirs), eyes))
        lit = relight(face((1, 1, 1), (brow, BROW), eyes), scene, parts(skin, brows=brows)).lab[..., 0]
        return float(lit[44, 48] - lit[23, 48]), float(lit[44, 48] - lit[35, 48])

    (of_fair, eyes_beside_fair), (of_dark, eyes_beside_dark) = drawn(fair), drawn(BROW)
    assert of_fair < 0.6 * of_dark and eyes_beside_fair > 0.7 * eyes_beside_dark


def test_a_brow_over_a_thinner_one_becomes_narrower_and_no_slab() -> None:
    """Its darkest hairs stay dark; what is half as dark around them goes, more than they do."""
    core, around, half = slice(22, 26), slice(16, 32), tuple(np.add(SKIN, BROW) / 2)
    brows = 1 - skin_beside(around)
    drawn = face((1, 1, 1), (around, half), (core, BROW))
    lit = relight(drawn, coarse(face((1, 1, 1), (core, half))), parts(skin_beside(around), brows=brows)).lab
    soft, dark = ([float(image[70, 48, 0] - image[row, 48, 0]) for image in (drawn, lit)] for row in (18, 23))
    assert 0.5 < dark[1] / dark[0] < 1
    assert soft[1] / soft[0] < 0.7 * dark[1] / dark[0]
