"""What of a drawn face is set into the scene: all of the face, and of its edges what is skin there."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.frame import Pose, outline
from mien_model_morph.light import COARSE_PX, Light

_REACH = 0.13
"""Width of the kernel that the outline is dilated with, as a share of the image's side: blenders take 0.1 back,
and fade in from there."""
_HAIR_L, _HAIR_AB = 16.0, 12.0
"""What differs from the light on the skin by more than this, in CIELab's lightness or hue, is taken for hair
or background."""
_ABOVE = 0.3, 0.55
_BESIDE = 0.72, 0.95
"""From where on skin is looked for, and from where on only skin is face: heights above the eyes, and ways to the side,
in distances between the eyes."""
_BROW_HEIGHT, _TAIL = 0.3, 0.6
"""How high a brow is, in distances between the eyes, and by how much it is longer than its landmarks, of the way
between the last two."""
_NARROWER = -0.5, -1.7, 0.65
"""From this height on a face becomes narrower, down to that height, where it is so much of what it was."""


def face_mask(
    points: NDArray[np.float64],
    landmarks: NDArray[np.float64],
    pose: Pose,
    scene: NDArray[np.float32],
    light: Light,
    side: int,
) -> NDArray[np.float32]:
    """The mask of a face: float32 (side, side) in [0, 1].

    points: (P, 2), by `all_points`, in an image of that side. landmarks: (68, 2), of the face that is drawn over.
    scene: the original as `coarse` makes it, CIELab. light: that on its skin. As the masks of maskers do, it reaches
    over the outline by what blenders take back.
    """
    scale = COARSE_PX / side
    small = np.zeros((COARSE_PX, COARSE_PX), np.uint8)
    at = (outline(points) + 0.5) * scale - 0.5
    cv2.fillPoly(small, [np.round(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    face = small.astype(np.float32) / 255 * (1 - _other(pose, scene, light, side) * (1 - _brows(landmarks, pose, side)))
    reach = round(_REACH * COARSE_PX) | 1
    wide = cv2.dilate(face, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return cast(NDArray[np.float32], cv2.resize(cv2.GaussianBlur(wide, (0, 0), 0.7), (side, side)))


def _brows(landmarks: NDArray[np.float64], pose: Pose, side: int) -> NDArray[np.float32]:
    """Where the brows of the face that is drawn over are, which are hair and yet face: float32 (48, 48) in [0, 1]."""
    scale = COARSE_PX / side
    brows = np.zeros((COARSE_PX, COARSE_PX), np.uint8)
    wide = max(round(_BROW_HEIGHT * pose.scale * scale), 1)
    for outer, *inner in (landmarks[17:22], landmarks[26:21:-1]):
        tail = outer + _TAIL * (outer - inner[0])  # landmarks end before the brow does
        at = (np.array([tail, outer, *inner]) + 0.5) * scale - 0.5
        reach = 100 * COARSE_PX  # OpenCV counts in 16 bits and a fraction
        cv2.polylines(
            brows, [np.round(np.clip(at, -reach, reach) * 16).astype(np.int32)], False, 255, wide, cv2.LINE_AA, 4
        )
    return cast(NDArray[np.float32], cv2.GaussianBlur(brows.astype(np.float32) / np.float32(255), (0, 0), 0.7))


def _other(pose: Pose, scene: NDArray[np.float32], light: Light, side: int) -> NDArray[np.float32]:
    """How sure it is that something else than skin is there, at the face's edges: float32 (48, 48) in [0, 1]."""
    off = (scene - light.field(COARSE_PX)) / np.array([_HAIR_L, _HAIR_AB, _HAIR_AB], np.float32)
    other = cv2.GaussianBlur((off**2).sum(2), (0, 0), 1.0)
    hair = other**2 / (1 + other**2)
    line = (np.arange(COARSE_PX) + 0.5) * side / COARSE_PX - 0.5
    right = pose.turn[:2, 0] / max(float(np.hypot(*pose.turn[:2, 0])), 0.3) ** 2 / pose.scale
    up = -pose.turn[:2, 1] / max(float(np.hypot(*pose.turn[:2, 1])), 0.3) ** 2 / pose.scale
    x, y = line[None, :] - pose.shift[0], line[:, None] - pose.shift[1]
    height: NDArray[np.float64] = x * up[0] + y * up[1]
    beside: NDArray[np.float64] = np.abs(x * right[0] + y * right[1])
    narrow = 1 - (1 - _NARROWER[2]) * _ramp(height, *_NARROWER[:2])
    share = np.maximum(_ramp(height, *_ABOVE), _ramp(beside / narrow, *_BESIDE))
    return np.asarray(hair * share, np.float32)


def _ramp(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """0 up to one value, 1 from another one on; they may stand either way round."""
    share: NDArray[np.float64] = np.clip((values - low) / (high - low), 0, 1)
    return share
