"""How deep pixels lie inside of a shape."""

import cv2
import numpy as np
from numpy.typing import NDArray


def depth_inside(shape: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel of a shape is from the nearest one outside, in pixels: float32 (H, W), 0 outside.

    shape: bool (H, W); beyond its border is outside.
    """
    return distance_to_others(np.pad(shape, 1))[1:-1, 1:-1]


def distance_to_others(flags: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel that is set is from the nearest that is not: float32 (H, W), pixels; 0 where none is set.

    The same whatever the number of OpenCV's threads is, on which the last digits of its own distances depend: their
    squares are whole numbers.
    """
    distance = cv2.distanceTransform(flags.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.sqrt(np.rint(distance * distance)), np.float32)
