"""Masks of a crop: the outline of a face filled, as bytes and as shares, and with a soft edge."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, Mask

HULL_DILATION = 0.1
"""The study's: width of the kernel that the landmarks' hull is dilated with, as a share of the crop's side."""
_ABOVE_BROWS = 0.25
"""How far a face reaches above the brows, of the way from the chin to them."""
_SUBPIXEL_BITS = 4
_DRAWN_PX = 512
_LEAST_SUBSAMPLES = 4


def hull_mask(points: NDArray[np.float32], size: int, dilation: float) -> Mask:
    """The convex hull of points in crop space, dilated by a disc `dilation·size` wide, its edge antialiased.

    points: float32 (n, 2), landmarks or others. Returns float32 (S, S).
    """
    # Drawn finer and averaged: OpenCV's own antialiased lines are up to two pixels wider than asked for.
    samples = max(_DRAWN_PX // size, _LEAST_SUBSAMPLES if size < _DRAWN_PX else 2)
    hull = (cv2.convexHull(points.astype(np.float32)) + 0.5) * samples - 0.5
    fixed = np.rint(hull * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    drawn = np.zeros((size * samples, size * samples), np.uint8)
    cv2.fillConvexPoly(drawn, fixed, 255, cv2.LINE_8, _SUBPIXEL_BITS)
    # A line that wide along the outline is the dilation by a disc; OpenCV counts the pixel under it as well.
    if (width := round(dilation * size * samples) - 1) > 0:
        cv2.polylines(drawn, [fixed], True, 255, width, cv2.LINE_8, _SUBPIXEL_BITS)
    averaged = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA)
    return as_mask(cast(NDArray[np.uint8], averaged))


def as_mask(mask: NDArray[np.uint8]) -> Mask:
    """uint8 (S, S), 255 is face → float32 (S, S), 1 is face: as a dataset gives its masks back."""
    return (mask / np.float32(255)).astype(np.float32)


def as_uint8_mask(mask: Mask) -> NDArray[np.uint8]:
    """The way back: float32 (S, S) in [0, 1] → uint8 (S, S), rounded."""
    rounded: NDArray[np.uint8] = np.rint(mask * 255).astype(np.uint8)
    return rounded


def erode_and_feather(
    mask: Mask, erosion: float, feather: float, in_scene: Mask | None = None, feather_top: float | None = None
) -> Mask:
    """Shrink a mask and let it fade out inwards, so that it is 0 wherever it was 0 before.

    erosion, feather: widths as a share of the mask's side; outside of the mask counts as 0. in_scene: what
    `share_in_scene` gives; with it, a face that the scene's border cuts off does not fade towards that border.
    feather_top: the width where what ends the mask lies above more of it: at the forehead, and at what stands in front
    of the face, so that brows are not half faded; None: as elsewhere.
    """
    size = mask.shape[0]
    face = (mask if in_scene is None else np.maximum(mask, 1 - in_scene)) >= 0.5
    if feather_top is None:
        share = _ramp(face, erosion * size / 2, feather * size)
    else:
        # With all that lies above it, the face ends at its sides and at the chin alone.
        upwards = np.maximum.accumulate(face[::-1], axis=0)[::-1]
        at_sides = _ramp(upwards, erosion * size / 2, feather * size)
        share = np.minimum(at_sides, _ramp(face, erosion * size / 2, feather_top * size))
    return (share * mask).astype(np.float32)


def _ramp(face: NDArray[np.bool_], start_px: float, width_px: float) -> Mask:
    """From 0 at that depth inside of the face smoothly to 1: float32 (S, S)."""
    if start_px + max(width_px, 1.0) <= 1.0:  # every pixel of the face lies a whole one inside
        return face.astype(np.float32)
    # An erosion is a kernel's width, as that of a hull's dilation: it takes half of that from each side.
    soft = np.clip((depth_inside(face) - start_px) / max(width_px, 1.0), 0, 1).astype(np.float32)
    return cast(Mask, soft * soft * (3 - 2 * soft))


def depth_inside(shape: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel of a shape is from the nearest one outside, in pixels: float32 (H, W), 0 outside.

    shape: bool (H, W); beyond its border is outside.
    """
    depth = np.zeros(shape.shape, np.float32)
    # Around the shape a pixel is enough: whatever lies further outside is further away.
    left, top, width, height = cv2.boundingRect(shape.astype(np.uint8))
    around = (slice(top, top + height), slice(left, left + width))
    depth[around] = distance_to_others(np.pad(shape[around], 1))[1:-1, 1:-1]
    return depth


def distance_to_others(flags: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel that is set is from the nearest that is not: float32 (H, W), pixels; 0 where none is set.

    The same whatever the number of OpenCV's threads is, on which the last digits of its own distances depend: their
    squares are whole numbers.
    """
    distance = cv2.distanceTransform(flags.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.sqrt(np.rint(distance * distance)), np.float32)


def face_up_to_brows(landmarks: Landmarks, size: int) -> NDArray[np.float32]:
    """The face from the chin to above the brows: float32 (size, size), 1 is face, 0 is none.

    landmarks: float32 (68, 2), in pixels of a square crop of that side.
    """
    up = landmarks[17:27].mean(0) - landmarks[8]
    outline = np.concatenate([landmarks[:17], landmarks[17:27] + _ABOVE_BROWS * up])
    face = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(face, cv2.convexHull(np.rint(outline).astype(np.int32)), 1.0)
    return face
