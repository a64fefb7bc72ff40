"""The side of a face that is turned away in a picture: what the other side shows, mirrored.

Faces are nearly symmetric, and so is the common frame. What a turned head hardly shows is stretched when it is brought
into the frame, and beside it lies what is behind the head. T. Hassner et al., Effective Face Frontalization in
Unconstrained Images, 2015, fill it in from the other side ("soft symmetry"), as here.
"""

from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.frame import frame_points, texture_points, triangles
from mien_model_morph.warp import triangle_at

_FROM, _ALONE = 1.4, 2.2
"""The other side begins to count where it is shown by so many times the area, and counts alone from so many times on.
Where a head is turned by 25° cheeks differ by 1.8, by 40° by 3."""
_LEAST = 0.02
"""Pixels of a picture for one of the frame, below which all are alike."""
_SMOOTH_PX = 14.0


def with_mirrored_half(texture: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A face in the common frame, with what was turned away in its picture as on its other side: uint8 (256, 256, 3).

    landmarks: (68, 2), in the picture. A face that looks nearly straight into the camera stays as it is.
    """
    shown = _shown(landmarks)
    share = np.clip(np.log(shown[:, ::-1] / shown / _FROM) / np.log(_ALONE / _FROM), 0, 1)
    if not share.any():
        return texture
    own = texture.astype(np.float32)
    mixed = own + share.astype(np.float32)[..., None] * (own[:, ::-1] - own)
    return cast(NDArray[np.uint8], np.round(mixed).astype(np.uint8))


def _shown(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many pixels of a picture each of the frame has, but for a factor: float64 (256, 256), smooth."""
    number = _number()
    areas = _areas(texture_points(landmarks, np.zeros(2))) / _areas(frame_points())
    areas = np.maximum(areas / max(float(np.median(areas)), 1e-6), _LEAST)
    of_pixel = np.log(np.concatenate([[1.0], areas]))[number]
    smooth: NDArray[np.float64] = np.exp(cv2.GaussianBlur(of_pixel, (0, 0), _SMOOTH_PX))
    return smooth


def _areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = np.moveaxis(points[triangles()], 1, 0)
    u, v = b - a, c - a
    areas: NDArray[np.float64] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return areas


@cache
def _number() -> NDArray[np.int32]:
    return triangle_at(frame_points(), 256)
