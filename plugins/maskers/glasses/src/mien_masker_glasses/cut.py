"""The strip along the eyes that the network looks at, from temple to temple."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Landmarks
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE

WIDTH, HEIGHT = 192, 96
"""Of the strip, in pixels."""
_WIDE = 2.9
"""Its width in distances between the eyes."""
_EYES_AT = 0.43
"""Where on its height the eyes lie."""
_NOSE_BOTTOM, _NOSE_TOP = 33, 27
_NOSE = 1.15
"""The distance between the eyes is at least so many times the length of the nose: in a turned head it looks shorter."""
_TOWARDS_JAW = 0.5
"""How far the strip's middle lies from between the eyes towards that of the ends of the jaw's outline."""


@dataclass(frozen=True, slots=True)
class EyeFrame:
    """Where the eyes are, in pixels of an image."""

    middle: NDArray[np.float64]
    """(2,), between both."""
    right: NDArray[np.float64]
    """(2,), of length 1: from one to the other, to the right in the image."""
    unit: float
    """How far apart they would be if the head were not turned."""


def eye_frame(landmarks: Landmarks) -> EyeFrame:
    """landmarks: float32 (68, 2), in pixels of an image."""
    marks = np.asarray(landmarks, np.float64)
    eyes = np.stack([marks[LEFT_EYE].mean(0), marks[RIGHT_EYE].mean(0)])
    apart = eyes[1] - eyes[0]
    distance = max(float(np.hypot(*apart)), 1e-3)
    nose = float(np.hypot(*(marks[_NOSE_BOTTOM] - marks[_NOSE_TOP])))
    return EyeFrame(eyes.mean(0), apart / distance, max(distance, _NOSE * nose, 1.0))


def to_strip(landmarks: Landmarks, scale: int = 1) -> Affine:
    """From the image's pixels to those of the strip, `scale` times as large: float64 (2, 3)."""
    frame = eye_frame(landmarks)
    marks: NDArray[Any] = np.asarray(landmarks, np.float64)
    aside = float((marks[[0, 16]].mean(0) - frame.middle) @ frame.right)
    center = frame.middle + _TOWARDS_JAW * aside * frame.right
    zoom = WIDTH * scale / (_WIDE * frame.unit)
    cosine, sine = frame.right
    turn = zoom * np.array([[cosine, sine], [-sine, cosine]])
    at = np.array([WIDTH * scale / 2, HEIGHT * scale * _EYES_AT]) - 0.5
    return np.column_stack([turn, at - turn @ center])
