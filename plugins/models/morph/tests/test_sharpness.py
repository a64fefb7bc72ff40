"""A drawn face becomes as sharp as its scene, as far as what it shows allows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import to_lab
from mien_model_morph.sharpness import as_sharp

SIDE = 256
FACE = np.ones((48, 48), np.float32)
SCENE = np.repeat(np.random.default_rng(0).normal(128, 20, (SIDE, SIDE, 1)).clip(0, 255).astype(np.uint8), 3, axis=2)


def blurred(sigma_px: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(SCENE, (0, 0), sigma_px))


def detail(lightness: NDArray[np.float32]) -> float:
    inner = slice(SIDE // 4, -SIDE // 4)
    fine: NDArray[np.float32] = lightness - cv2.GaussianBlur(lightness, (0, 0), 1.0)
    return float(fine[inner, inner].std())


def made_as_sharp(drawn: NDArray[np.uint8], scene: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Detail of the drawn face before and after, and of the scene."""
    lab, wanted = to_lab(drawn), detail(np.ascontiguousarray(to_lab(scene)[..., 0]))
    before = detail(np.ascontiguousarray(lab[..., 0]))
    return before, detail(np.ascontiguousarray(as_sharp(lab, scene, FACE)[..., 0])), wanted


def test_a_face_that_is_too_sharp_becomes_as_soft_as_its_scene() -> None:
    before, after, wanted = made_as_sharp(blurred(0.6), blurred(1.0))
    assert before > 1.6 * wanted
    assert abs(after - wanted) < 0.2 * wanted


def test_one_that_is_a_little_too_soft_is_sharpened_and_not_beyond_its_scene() -> None:
    before, after, wanted = made_as_sharp(blurred(1.0), blurred(0.95))
    assert before < after < 1.1 * wanted


def test_one_that_is_far_too_soft_is_sharpened_by_a_third_at_most() -> None:
    before, after, wanted = made_as_sharp(blurred(2.0), SCENE)
    assert 1.1 * before < after < 1.45 * before < wanted
