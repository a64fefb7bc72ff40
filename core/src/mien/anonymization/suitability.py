"""How well a synthetic person suits the head that they are drawn over.

What is drawn is a face from the brows to the chin; hair, forehead, ears and neck stay. A beard's shadow on somebody who
has none, dark brows under fair hair, folds on a child look drawn, whoever it is. And features of one's own may look
like an expression: with some people's mouth and brows everybody who is calm seems to pout or to scowl.
"""

from collections.abc import Iterable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, Landmarks, RgbImage
from mien.evaluation.expression_judge import ExpressionJudge
from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import face_up_to_brows
from mien.imaging.color import to_lab

_CUT = AlignmentConfig(size=128, margin=0.2, shift_y=0.1)
_BLUR_PX, _EDGE_PX = 3.5, 7
"""What is smaller than that, as where the features end, does not count, nor does the face's edge."""
_WORTH = 1.7
"""Weights of expressions that differ by 1 in all count as much as a root mean square of so much lightness: of six
people over one face they differ by about .6, and lightness by a half, more or less."""
_GAZE = "eyeLook"
"""Weights whose names begin so say where eyes look: that is told by the irises, and not by whose they are."""
_LEFT_OUT = slice(36, 42), slice(42, 48), slice(31, 36), slice(48, 60)
"""Eyes, nostrils and mouth: they lie elsewhere in another face, which is what it is drawn for."""


def misfits(
    original: RgbImage, drawn: Iterable[RgbImage], landmarks: Landmarks, expressions: ExpressionJudge | None = None
) -> list[float]:
    """How ill each drawn face suits the face that was there, 0 or more.

    original: uint8 (H, W, 3), RGB, the scene before. drawn: scenes as large, after. landmarks: float32 (68, 2), where
    the face was, in its pixels. Of each the root mean square, over skin and brows, of how much what is coarse of its
    light and dark differs, in CIELab's L; and what its expression differs by, if something measures expressions: the
    sum over the weights, times `_WORTH`. Raises MienError if that feature fails.
    """
    before = align(original, landmarks, _CUT)
    skin, lightness = _skin_and_brows(cast(Landmarks, before.landmarks)), _lightness(before)
    share, count = np.maximum(_blurred(skin), 1e-3), max(float(skin.sum()), 1.0)
    expression = _expression(original, landmarks, expressions)
    result = []
    for scene in drawn:
        off = _blurred((_lightness(align(scene, landmarks, _CUT)) - lightness) * skin) / share
        other = float(np.abs(_expression(scene, landmarks, expressions) - expression).sum())
        result.append(float(np.sqrt((off**2 * skin).sum() / count)) + _WORTH * other)
    return result


def _expression(image: RgbImage, landmarks: Landmarks, judge: ExpressionJudge | None) -> NDArray[np.float32]:
    """The weights of a face, but for those of its gaze; none without a judge."""
    if judge is None:
        return np.zeros(0, np.float32)
    is_counted = [not name.startswith(_GAZE) for name in judge.names]
    return judge.measure([align(image, landmarks)])[0, is_counted]


def _lightness(face: FaceCrop) -> NDArray[np.float32]:
    return to_lab(face.image)[..., 0]


def _skin_and_brows(landmarks: Landmarks) -> NDArray[np.float32]:
    face = face_up_to_brows(landmarks, _CUT.size)
    for points in _LEFT_OUT:
        cv2.fillConvexPoly(face, cv2.convexHull(np.rint(landmarks[points]).astype(np.int32)), 0.0)
    return cast(NDArray[np.float32], cv2.erode(face, np.ones((_EDGE_PX, _EDGE_PX), np.uint8)))


def _blurred(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.GaussianBlur(values, (0, 0), _BLUR_PX))
