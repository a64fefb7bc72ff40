"""How well a synthetic person suits the head that they are drawn over.

What is drawn is a face from the brows to the chin; hair, forehead, ears and neck stay. A beard's shadow on somebody who
has none, dark brows under fair hair, folds on a child look drawn, whoever it is.
"""

from collections.abc import Iterable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, Landmarks, RgbImage
from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import face_up_to_brows
from mien.imaging.color import to_lab

_CUT = AlignmentConfig(size=128, margin=0.2, shift_y=0.1)
_BLUR_PX, _EDGE_PX = 3.5, 7
"""What is smaller than that, as where the features end, does not count, nor does the face's edge."""
_LEFT_OUT = slice(36, 42), slice(42, 48), slice(31, 36), slice(48, 60)
"""Eyes, nostrils and mouth: they lie elsewhere in another face, which is what it is drawn for."""


def misfits(original: RgbImage, drawn: Iterable[RgbImage], landmarks: Landmarks) -> list[float]:
    """How much the light and dark of each drawn face differ from those of the face that was there: in CIELab's L.

    original: uint8 (H, W, 3), RGB, the scene before. drawn: scenes as large, after. landmarks: float32 (68, 2), of the
    face that was there, in its pixels. Of each the root mean square over skin and brows of what is coarse, 0 or more.
    """
    before = align(original, landmarks, _CUT)
    skin, lightness = _skin_and_brows(cast(Landmarks, before.landmarks)), _lightness(before)
    share, count = np.maximum(_blurred(skin), 1e-3), max(float(skin.sum()), 1.0)
    off = (_blurred((_lightness(align(scene, landmarks, _CUT)) - lightness) * skin) / share for scene in drawn)
    return [float(np.sqrt((one**2 * skin).sum() / count)) for one in off]


def _lightness(face: FaceCrop) -> NDArray[np.float32]:
    return to_lab(face.image)[..., 0]


def _skin_and_brows(landmarks: Landmarks) -> NDArray[np.float32]:
    face = face_up_to_brows(landmarks, _CUT.size)
    for points in _LEFT_OUT:
        cv2.fillConvexPoly(face, cv2.convexHull(np.rint(landmarks[points]).astype(np.int32)), 0.0)
    return cast(NDArray[np.float32], cv2.erode(face, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)))


def _blurred(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.GaussianBlur(values, (0, 0), _BLUR_PX))
