"""Where the irises are: no landmark says it, and eyes that look past each other cannot be averaged."""

import cv2
import numpy as np
from numpy.typing import NDArray

_EYES = (slice(36, 42), slice(42, 48))
_WIDE_PX, _HIGH_PX = 48, 24
"""An eye is looked at in a patch of this size, from corner to corner."""
_SHUT, _OPEN = 0.12, 0.22
"""Below and above which opening, in widths of the eye, its iris is not seen at all, and is seen well."""
_FARTHEST = 0.45


def iris_offsets(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each iris is from the middle between the eye's corners, in halves of the eye's width, to the right.

    image: uint8 (H, W, 3), RGB. landmarks: (68, 2) in its pixels. Returns float64 (2,): the left eye's and the right
    one's in the image; 0 for one that is shut. By the center of what is darker than the mean between the lids.
    """
    return np.array([_offset(image, landmarks[eye]) for eye in _EYES])


def iris_points(landmarks: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The irises' places for such offsets: float64 (2, 2), halfway between the lids."""
    return np.stack(
        [
            _middle(landmarks[eye]) + offset * _half_width(landmarks[eye])
            for eye, offset in zip(_EYES, offsets, strict=True)
        ]
    )


def _middle(eye: NDArray[np.float64]) -> NDArray[np.float64]:
    middle: NDArray[np.float64] = (eye[0] + eye[3]) / 2
    lids = eye[[1, 2, 4, 5]].mean(0)
    along = _half_width(eye)
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    return middle + across * float((lids - middle) @ across)


def _half_width(eye: NDArray[np.float64]) -> NDArray[np.float64]:
    half: NDArray[np.float64] = (eye[3] - eye[0]) / 2
    return half


def _offset(image: NDArray[np.uint8], eye: NDArray[np.float64]) -> float:
    half, middle = _half_width(eye), _middle(eye)
    length = float(np.hypot(*half))
    if length < 1:
        return 0.0
    scale = _WIDE_PX / 2 / length
    along = half / length
    linear = scale * np.array([along, [-along[1], along[0]]])
    shift = np.array([(_WIDE_PX - 1) / 2, (_HIGH_PX - 1) / 2]) - linear @ middle
    lids = eye @ linear.T + shift
    opening = float((lids[[5, 4], 1] - lids[[1, 2], 1]).mean()) / _WIDE_PX
    seen = min(max((opening - _SHUT) / (_OPEN - _SHUT), 0.0), 1.0)
    if seen == 0:
        return 0.0
    matrix = np.column_stack([linear, shift])
    patch = cv2.cvtColor(cv2.warpAffine(image, matrix, (_WIDE_PX, _HIGH_PX)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = np.zeros((_HIGH_PX, _WIDE_PX), np.uint8)
    cv2.fillPoly(inside, [np.round(lids * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    weight = inside / np.float32(255)
    mean = float((patch * weight).sum() / max(float(weight.sum()), 1e-3))
    dark = np.clip(mean - patch, 0, None) ** 2 * weight
    columns = (np.arange(_WIDE_PX) - (_WIDE_PX - 1) / 2) / (_WIDE_PX / 2)
    offset = float((dark.sum(0) * columns).sum() / max(float(dark.sum()), 1e-3))
    return float(np.clip(offset, -_FARTHEST, _FARTHEST)) * seen
