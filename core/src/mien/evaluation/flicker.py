"""How much a face changes from frame to frame, beside what its own movement explains."""

import cv2
import numpy as np

from mien.contracts.face import Landmarks, RgbImage
from mien.geometry.affine import transform_points, warp
from mien.geometry.alignment import AlignmentConfig, similarity_to_crop
from mien.geometry.masks import hull_mask

_CUT = AlignmentConfig(size=96, margin=0.1)
_REACH = 0.08
"""How far a landmark's movement is felt, as a share of the crop's side: σ of a Gaussian."""
_FAR = 1e-6
"""What a point far from all landmarks goes by: their mean movement, at this weight."""


def changes_along_flow(
    before: tuple[RgbImage, ...], now: tuple[RgbImage, ...], old: Landmarks, new: Landmarks
) -> list[float]:
    """Mean change of the gray levels (0 to 255) of a face from one frame to the next, for each of several films of it.

    before, now: the two frames of each film, uint8 (H, W, 3). old, new: landmarks of the face in them, of the film as
    it was shot, float32 (68, 2). Both frames are cut by its own landmarks, and the first is moved as the landmarks have
    moved within the crop, smoothly between them; then what lies in the hull is compared. A face that moves as the
    landmarks say and otherwise stays has 0.
    """
    cuts = [similarity_to_crop(landmarks, _CUT) for landmarks in (old, new)]
    here, there = transform_points(cuts[1], new), transform_points(cuts[0], old)
    grid = np.stack(np.meshgrid(np.arange(_CUT.size), np.arange(_CUT.size)), -1).astype(np.float32)
    apart = ((grid[:, :, None] - here) ** 2).sum(-1)
    weights = np.exp(-apart / (2 * (_REACH * _CUT.size) ** 2)) + _FAR
    source = (grid + weights @ (there - here) / weights.sum(-1, keepdims=True)).astype(np.float32)
    inside = hull_mask(here, _CUT.size, 0.0) >= 0.5
    changes = []
    for first, second in zip(before, now, strict=True):
        old_cut, new_cut = (
            cv2.cvtColor(warp(image, cut, (_CUT.size, _CUT.size)), cv2.COLOR_RGB2GRAY).astype(np.float32)
            for image, cut in zip((first, second), cuts, strict=True)
        )
        x, y = source[..., 0].copy(), source[..., 1].copy()
        moved = cv2.remap(old_cut, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        changes.append(float(np.abs(moved - new_cut)[inside].mean()))
    return changes
