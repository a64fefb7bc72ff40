"""The colours of a drawn face, brought near to those of the scene, and its lightness sharpened or softened."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.face import Mask, RgbImage

_GAIN_LIMIT = 2.0
"""Contrast is at most doubled or halved: a flat or nearly black face would otherwise become noise."""


def match_colours(face: RgbImage, reference: RgbImage, weights: Mask) -> RgbImage:
    """Give a face the mean and the spread of the reference's colours, in each channel of CIELab.

    Reinhard et al., Color Transfer between Images, IEEE CG&A 2001. face, reference: uint8 (S, S, 3), RGB. weights:
    float32 (S, S), how much a pixel counts; where they are all 0 the face is returned as it is. Contrast changes by a
    factor of 2 at most.
    """
    total = float(weights.sum())
    if total <= 0:
        return face.copy()
    share = (weights / total)[..., None]
    ours, theirs = to_lab(face), to_lab(reference)
    our_mean, our_spread = _statistics(ours, share)
    their_mean, their_spread = _statistics(theirs, share)
    gain = np.clip(their_spread / np.maximum(our_spread, 1e-3), 1 / _GAIN_LIMIT, _GAIN_LIMIT)
    return from_lab(((ours - our_mean) * gain + their_mean).astype(np.float32))


def sharpen(face: RgbImage, mask: Mask, sigma_px: float, amount: float) -> RgbImage:
    """Unsharp mask on CIELab's L: what a Gaussian of `sigma_px` takes away is added once more, times `amount`.

    face: uint8 (S, S, 3), RGB. mask: float32 (S, S); what it hides has no part in the Gaussian.
    """
    lab = to_lab(face)
    lab[..., 0] += amount * (lab[..., 0] - _blurred(lab[..., 0], mask, sigma_px))
    return from_lab(lab)


def soften(face: RgbImage, mask: Mask, sigma_px: float) -> RgbImage:
    """Gaussian of `sigma_px` on CIELab's L; colours keep their edges. Arguments as of `sharpen`."""
    lab = to_lab(face)
    lab[..., 0] = _blurred(lab[..., 0], mask, sigma_px)
    return from_lab(lab)


def to_lab(picture: RgbImage) -> NDArray[np.float32]:
    """CIELab of uint8 (H, W, 3) RGB: float32, L in [0, 100], a and b about [-127, 127]."""
    return cast(NDArray[np.float32], cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def from_lab(lab: NDArray[np.float32]) -> RgbImage:
    """uint8 (H, W, 3) RGB of float32 CIELab; colours that no screen shows are clipped."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def _statistics(
    lab: NDArray[np.float32], share: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mean = (lab * share).sum((0, 1))
    return mean, np.sqrt(((lab - mean) ** 2 * share).sum((0, 1)))


def _blurred(lightness: NDArray[np.float32], mask: Mask, sigma_px: float) -> NDArray[np.float32]:
    """A Gaussian over what the mask shows, so that the black around a face does not bleed into it."""
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma_px), 1e-6)
    blurred = cv2.GaussianBlur(lightness * mask, (0, 0), sigma_px) / weight
    return np.where(mask > 0, blurred, lightness).astype(np.float32)
