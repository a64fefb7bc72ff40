"""How well a face sits in the scene that it was set into: its seam, its colors, and whether it is there at all.

Measured by the scene as it was and as it is now; no image of how it ought to be is needed. So a blender can be chosen
that suits a job. The numbers say nothing about the face that was drawn.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.affine import share_in_scene, warp
from mien.geometry.masks import distance_to_others
from mien.imaging.color import to_lab

SEAM_WEIGHT = 2.0
"""An edge along the outline catches the eye more than a difference in color that large which comes gradually."""
SIZE_PX = 128
"""Faces are judged at that side, however large they are in the scene."""
_SECTORS = 12
"""The outline is judged in so many parts, since a seam may show on one cheek only."""
_DEPTHS = np.arange(-0.02, 0.2, 0.015)
"""Depths below the mask's edge at which a seam is looked for, as shares of the crop's side: blenders erode masks."""
_LEAST_PIXELS = 8
"""A part of the outline at one depth is judged by so many pixels at least."""
_COARSE = 0.08
"""Standard deviation of the Gaussian that leaves colors only, as a share of the crop's side."""
_NEAR_EDGE = 0.15
"""What lies less deep, as a share of the crop's side, is near the edge;"""
_MIDDLE = 0.2
"""what lies deeper, in the face's middle."""

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SeamScore:
    """How well one face sits in its scene."""

    seam: float
    """How much edges along the mask's outline have gained, and half of how much they have lost: ΔE per pixel, for a
    crop of 128 px. 0 is best."""
    color: float
    """How far the coarse colors are from those that were there: ΔE. 0 is best."""
    shown: float
    """How much of the drawn face's detail is to be seen in its middle: about 1 for all of it, 0 for nothing."""

    @property
    def score(self) -> float:
        """2 · seam + color; 0 is best."""
        return SEAM_WEIGHT * self.seam + self.color


def score_seam(before: RgbImage, after: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> SeamScore:
    """Compare a scene with a face set into it to what it was.

    before, after: uint8 (H, W, 3), RGB. face: uint8 (S, S, 3), mask: float32 (S, S), to_crop: what `Blender.blend` was
    given.

    All in CIELab, distances are ΔE (CIE 1976, Euclidean); black beyond the scene's border does not count.

    - seam: the outline is cut into 12 sectors, each into layers of equal depth below the mask's edge, from 2 % of the
      crop's side outside of it to 20 % inside. In each, the mean gradient across the outline is taken before and after.
      A sector counts by the layer with the largest gain, and half by that with the largest loss; the seam is the mean
      of the sectors. So an edge that follows the outline counts wherever it lies, and wrinkles and beards, which do not
      follow it, hardly.
    - color: both are blurred within the mask (σ = 8 % of the side); the mean distance over the whole mask, and that
      over the part of it within 15 % of its edge, count half each.
    - shown: in the middle, lightness gradients of the change are projected on those of the change that was due.
    """
    size = mask.shape[0]
    scale = SIZE_PX / size
    there = to_crop * scale
    there[:, 2] += (scale - 1) / 2  # pixel centres are integers
    side = (SIZE_PX, SIZE_PX)
    old, new = (to_lab(warp(image, there, side)) for image in (before, after))
    in_scene = share_in_scene(there, SIZE_PX, before.shape) > 0.99
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    in_mask = cast(Plane, cv2.resize(mask, side, interpolation=how)) >= 0.5
    drawn = to_lab(cv2.resize(face, side, interpolation=how).astype(np.uint8, copy=False))
    depth = _depth(in_mask | ~in_scene)
    inside = in_mask & in_scene
    return SeamScore(
        seam=_seam(old, new, depth, in_scene),
        color=_color(old, new, inside, inside & (depth < _NEAR_EDGE)),
        shown=_shown(old, new, drawn, inside & (depth > _MIDDLE)),
    )


def _depth(inside: Flags) -> Plane:
    """How far inside each pixel lies, below 0 outside, as a share of the side; the crop's border is an edge as well."""
    padded = np.pad(inside, 1)
    within, without = (distance_to_others(part)[1:-1, 1:-1] for part in (padded, ~padded))
    return cast(Plane, ((within - without - np.where(inside, 0.5, -0.5)) / SIZE_PX).astype(np.float32))


def _seam(old: Plane, new: Plane, depth: Plane, in_scene: Flags) -> float:
    inwards = _gradient(depth, 2.0)
    inwards = inwards / np.maximum(np.linalg.norm(inwards, axis=0), 1e-6)
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    sector = (_SECTORS * (np.arctan2(y, x) / (2 * np.pi) + 0.5)).astype(int) % _SECTORS
    layer = np.digitize(depth, _DEPTHS) - 1
    layers = len(_DEPTHS) - 1
    counts = in_scene & (layer >= 0) & (layer < layers)
    part = (sector * layers + layer)[counts]
    pixels = np.bincount(part, minlength=_SECTORS * layers).reshape(_SECTORS, layers)

    def across(lab: Plane) -> NDArray[np.float64]:
        """The mean gradient across the outline: float64 (sectors, layers)."""
        slope = sum(_gradient(lab, 1.0)[axis] * inwards[axis][..., None] for axis in (0, 1))
        steepness = np.linalg.norm(np.asarray(slope), axis=2)[counts]
        sums = np.bincount(part, steepness, _SECTORS * layers).reshape(_SECTORS, layers)
        means: NDArray[np.float64] = sums / np.maximum(pixels, 1)
        return means

    change = np.where(pixels >= _LEAST_PIXELS, across(new) - across(old), 0)
    countable = (pixels >= _LEAST_PIXELS).any(1)
    if not countable.any():
        return 0.0
    gain, loss = (np.maximum(one, 0).max(1)[countable].mean() for one in (change, -change))
    return float(gain + loss / 2)


def _color(old: Plane, new: Plane, inside: Flags, near_edge: Flags) -> float:
    if not near_edge.any():
        return 0.0
    apart = np.linalg.norm(_coarse(new, inside) - _coarse(old, inside), axis=2)
    return float(apart[inside].mean() + apart[near_edge].mean()) / 2


def _shown(old: Plane, new: Plane, drawn: Plane, middle: Flags) -> float:
    was, became, due = (_gradient(lab[..., 0], 1.0)[:, middle] for lab in (old, new, drawn))
    wanted = due - was
    power = float((wanted**2).sum())
    return float(((became - was) * wanted).sum() / power) if power > 1.0 else 1.0


def _gradient(image: Plane, sigma_px: float) -> Plane:
    """Along x and y, per pixel, after a Gaussian: float32 (2, …)."""
    smooth = cv2.GaussianBlur(image, (0, 0), sigma_px)
    return np.stack([cv2.Sobel(smooth, -1, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)]).astype(np.float32)


def _coarse(lab: Plane, inside: Flags) -> Plane:
    """A Gaussian over what is inside."""
    sigma_px = _COARSE * SIZE_PX
    weight = inside.astype(np.float32)
    total = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma_px), 1e-6)
    return cast(Plane, cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma_px) / total[..., None])
