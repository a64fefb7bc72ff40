"""A drawn face as sharp as the one that it is drawn over, and not sharper.

Photographs of the bank are sharper than most faces that are filmed. A face that is sharper than its scene looks pasted
in, and flickers when it is set back smaller than it was drawn. One that is a little softer is sharpened.
"""

from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import to_lab

_FINE_PX = 1.0
"""Up to which size detail is compared, for an image of 256 px."""
_SHARPENED_PX = 1.4
_MOST = 1.35
"""So many times as strong fine detail may become; more would show how the pictures were compressed."""
_BLURS_PX = (1.0, 1.4, 2.0)
"""One after the other: the drawn face is brought between the first blur that is not enough and the one that is."""


def as_sharp(drawn: NDArray[np.float32], original: NDArray[np.uint8], face: NDArray[np.float32]) -> NDArray[np.float32]:
    """The drawn face with its lightness blurred as far as it has more fine detail than the original, or sharpened if it
    has less; in place.

    drawn: float32 (S, S, 3), CIELab. original: uint8, RGB, and face: float32, how much each place
    counts; squares of any side.
    """
    side = drawn.shape[0]
    unit_px = side / 256
    middle = slice(side // 6, side - side // 6)  # what counts for something lies there
    weight = cv2.resize(face, (side, side))[middle, middle].reshape(-1)
    total = max(float(weight.sum()), 1e-3)

    def detail(lightness: NDArray[np.float32]) -> float:
        inner = np.ascontiguousarray(lightness[middle, middle])
        fine = cv2.subtract(inner, cv2.GaussianBlur(inner, (0, 0), _FINE_PX * unit_px)).reshape(-1)
        return float(np.log(float(np.dot(fine * fine, weight)) / total + 1e-6))

    as_large = original if original.shape[0] == side else cv2.resize(original, (side, side))
    filmed = cv2.LUT(cv2.cvtColor(as_large, cv2.COLOR_RGB2GRAY), _lightness_of_gray())
    wanted = detail(cast(NDArray[np.float32], filmed))
    sharp = np.ascontiguousarray(drawn[..., 0])
    has = detail(sharp)
    if has < wanted:
        gain = min(float(np.exp((wanted - has) / 2)), _MOST) - 1
        drawn[..., 0] = sharp + np.float32(gain) * (sharp - cv2.GaussianBlur(sharp, (0, 0), _SHARPENED_PX * unit_px))
        return drawn
    for sigma_px in _BLURS_PX:
        if has <= wanted:
            break
        blurred = cast(NDArray[np.float32], cv2.GaussianBlur(sharp, (0, 0), sigma_px * unit_px))
        left = detail(blurred)
        if left <= wanted:
            blurred += np.float32((wanted - left) / max(has - left, 1e-6)) * (sharp - blurred)
        sharp, has = blurred, max(left, wanted)
    drawn[..., 0] = sharp
    return drawn


@cache
def _lightness_of_gray() -> NDArray[np.float32]:
    """CIELab's L of each gray value: float32 (256,)."""
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    return np.ascontiguousarray(to_lab(gray)[:, 0, 0])
