"""The colors of a drawn face, brought near to those of the scene, and its lightness sharpened or softened."""

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Mask, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.geometry.affine import share_in_scene, warp

_GAIN_LIMIT = 2.0
"""Contrast is at most doubled: a flat or nearly black face would otherwise become noise. It is lowered as far as the
scene asks: of a black-and-white image, no color is left."""
_GRAIN = 1 / 100
"""Standard deviation of the Gaussian that leaves no grain, as a share of the face's side."""
_PIXELS_PER_SHARE = 32
_MOST_SHARES = 32
"""A histogram is followed in equal shares of so many pixels at least, and in so many shares at most."""
_BEYOND = 1000.0

ColorMatching = Literal["none", "reinhard", "histogram"]


class ColorConfig(PluginConfig):
    """What a blender's settings begin with if it brings the face into the scene's colors by `in_scene_colors`."""

    color: ColorMatching = "reinhard"
    """How the face comes into the colors of the face that it covers. reinhard: it takes their mean and spread.
    histogram: it takes their whole distribution, shadows and lights apart. none: the colors as the model draws
    them."""


def in_scene_colors(face: RgbImage, scene: RgbImage, weights: Mask, to_crop: Affine, how: ColorMatching) -> RgbImage:
    """The face in the colors of what it will cover.

    face: uint8 (S, S, 3), RGB, in crop space. scene: uint8 (H, W, 3). weights: float32 (S, S), how much each of the
    face's pixels will be seen; what lies outside of the scene does not count. to_crop: scene pixels to crop pixels.
    Returns a new uint8 (S, S, 3); equal to the face for "none", or if nothing will be seen.
    """
    if how == "none":
        return face.copy()
    size = face.shape[0]
    match = match_colors if how == "reinhard" else match_histograms
    seen = weights * share_in_scene(to_crop, size, scene.shape)
    return match(face, warp(scene, to_crop, (size, size)), seen)


def match_colors(face: RgbImage, reference: RgbImage, weights: Mask) -> RgbImage:
    """Give a face the mean and the spread of the reference's colors, in each channel of CIELab.

    Reinhard et al., Color Transfer between Images, IEEE CG&A 2001; the spread is that below the grain. face, reference:
    uint8 (S, S, 3), RGB. weights: float32 (S, S), how much a pixel counts; where they are all 0 the face is returned as
    it is. Contrast is at most doubled.
    """
    total = float(weights.sum())
    if total <= 0:
        return face.copy()
    ours, theirs = to_lab(face), to_lab(reference)
    our_mean, our_spread = _statistics(ours, weights)
    their_mean, their_spread = _statistics(theirs, weights)
    gain = np.minimum(their_spread / np.maximum(our_spread, 1e-3), _GAIN_LIMIT)
    return from_lab(((ours - our_mean) * gain + their_mean).astype(np.float32))


def match_histograms(face: RgbImage, reference: RgbImage, weights: Mask) -> RgbImage:
    """Give a face the distribution of the reference's colors, in each channel of CIELab.

    Histogram specification (Gonzalez & Woods, Digital Image Processing, 3.3.2). In RGB the channels vary together, and
    mapping each alone would turn hues; in Lab they are nearly independent of each other. The pixels of both are sorted
    and cut into equal shares, at most 32 and of at least 32 pixels each, and the means of the shares are mapped upon
    each other. So a mask of few pixels gives few shares, at last a mere shift, and no noise. Arguments and limits are
    those of `match_colors`: contrast is at most doubled, everywhere; the mean always comes right.
    """
    seen = weights > 0
    if not seen.any():
        return face.copy()
    weight = weights[seen].astype(np.float64)
    # Pixels that hardly count make no sample larger (Kish's effective sample size).
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    count = int(np.clip(effective // _PIXELS_PER_SHARE, 1, _MOST_SHARES))
    ours, theirs = to_lab(face), to_lab(reference)
    for channel in range(3):
        lab, wanted = ours[..., channel], theirs[..., channel]
        ours[..., channel] = _follow(
            lab, _share_means(lab[seen], weight, count), _share_means(wanted[seen], weight, count)
        )
        off = float(np.average(ours[..., channel][seen] - wanted[seen], weights=weight))
        ours[..., channel] -= off
    return from_lab(ours)


def sharpen(face: RgbImage, mask: Mask, sigma_px: float, amount: float) -> RgbImage:
    """Unsharp mask on CIELab's L: what a Gaussian of `sigma_px` takes away is added once more, times `amount`.

    face: uint8 (S, S, 3), RGB. mask: float32 (S, S); what it hides has no part in the Gaussian.
    """
    lab = to_lab(face)
    lab[..., 0] += amount * (lab[..., 0] - _blurred(lab[..., 0], mask, sigma_px))
    return from_lab(lab)


def soften(face: RgbImage, mask: Mask, sigma_px: float) -> RgbImage:
    """Gaussian of `sigma_px` on CIELab's L; colors keep their edges. Arguments as of `sharpen`."""
    lab = to_lab(face)
    lab[..., 0] = _blurred(lab[..., 0], mask, sigma_px)
    return from_lab(lab)


def to_lab(image: RgbImage) -> NDArray[np.float32]:
    """CIELab of uint8 (H, W, 3) RGB: float32, L in [0, 100], a and b about [-127, 127]."""
    return cast(NDArray[np.float32], cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def from_lab(lab: NDArray[np.float32]) -> RgbImage:
    """uint8 (H, W, 3) RGB of float32 CIELab; colors that no screen shows are clipped."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def _statistics(lab: NDArray[np.float32], weights: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and spread of what lies below the grain: noise of a camera is no contrast."""
    seen = (weights > 0).astype(np.float32)
    sigma_px = max(_GRAIN * len(weights), 0.5)
    around = np.maximum(cv2.GaussianBlur(seen, (0, 0), sigma_px), 1e-6)
    smooth = cv2.GaussianBlur(lab * seen[..., None], (0, 0), sigma_px) / around[..., None]
    share = (weights / weights.sum())[..., None]
    mean = (smooth * share).sum((0, 1))
    return mean, np.sqrt(((smooth - mean) ** 2 * share).sum((0, 1)))


def _share_means(values: NDArray[np.float32], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The means of so many equal shares of the weight, from the smallest values to the largest: float64 (count,)."""
    order = np.argsort(values)
    share = weights[order] / weights.sum()
    below = np.concatenate([[0.0], np.cumsum(share)])
    total = np.concatenate([[0.0], np.cumsum(share * values[order])])
    means: NDArray[np.float64] = np.diff(np.interp(np.linspace(0, 1, count + 1), below, total)) * count
    return means


def _follow(
    values: NDArray[np.float32], knots: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Map knots to targets and what lies between them linearly, with no slope beyond the limit.

    Outside of them the slope is that of the last step, 1 at most: where all colors become one, so do these.
    """
    steps = np.diff(knots)
    slopes = np.clip(np.diff(targets) / np.maximum(steps, 1e-3), 0, _GAIN_LIMIT)
    mapped = np.concatenate([[0.0], np.cumsum(slopes * steps)])
    at = np.concatenate([[knots[0] - _BEYOND], knots, [knots[-1] + _BEYOND]])
    first, last = (min(float(slopes[end]), 1.0) if len(slopes) else 1.0 for end in (0, -1))
    to = np.concatenate([[-_BEYOND * first], mapped, [mapped[-1] + _BEYOND * last]])
    followed: NDArray[np.float32] = np.interp(values, at, to).astype(np.float32)
    return followed


def _blurred(lightness: NDArray[np.float32], mask: Mask, sigma_px: float) -> NDArray[np.float32]:
    """A Gaussian over what the mask shows, so that the black around a face does not bleed into it."""
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma_px), 1e-6)
    blurred = cv2.GaussianBlur(lightness * mask, (0, 0), sigma_px) / weight
    return np.where(mask > 0, blurred, lightness).astype(np.float32)
