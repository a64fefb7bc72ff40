"""Tongues that are put out: a picture of one says nothing of what the mouth looks like when it is as far open."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import to_lab
from mien_model_morph.frame import FRAME_PX, frame_points, regions

_OPEN = 0.2
"""How far apart lips are with a tongue between them, at least, in distances between the eyes."""
_DARKER, _REDDER = 6.0, 3.0
"""How much darker than skin a tongue may be, and how much redder it is at least, in CIELab's L and a. Of openpeople's
eight that are put out all are redder by 5 and lighter than by -1; teeth are less red than skin; inside, mouths are
darker by 9 and more."""
_INNER_LIPS, _UPPER, _LOWER = slice(60, 68), [61, 62, 63], [67, 66, 65]


def is_tongue_out(texture: NDArray[np.uint8], frontal: NDArray[np.float64]) -> bool:
    """Whether a face shows its tongue between the lips, or over the lower one.

    texture: uint8 (256, 256, 3), RGB, in the common frame. frontal: (68, 2), as `Pose.frontal` gives it.
    """
    if float((frontal[_LOWER, 1] - frontal[_UPPER, 1]).mean()) < _OPEN:
        return False
    lab = to_lab(texture)
    inside, skin = _lower_half()
    lighter, redder, _ = lab[inside].mean(0) - lab[skin].mean(0)
    return bool(lighter > -_DARKER and redder > _REDDER)


@cache
def _lower_half() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where in the frame the lower half of what lips enclose lies, and where skin: bool (256, 256)."""
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    lips = frame_points()[_INNER_LIPS]
    cv2.fillPoly(inside, [np.round(lips).astype(np.int32)], 1)
    inside[: int((lips[:, 1].min() + lips[:, 1].max()) / 2)] = 0
    return cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0, regions()[..., 0] > 0.9
