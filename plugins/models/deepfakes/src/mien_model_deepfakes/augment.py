"""What the autoencoder is shown: a warped face, and the face it has to make of it.

Both are sampled from the crop in one step each. The input goes through a random affine transform and a grid of random
offsets; the target through the same affine transform and the similarity that fits the grid's warp best (Umeyama 1991,
doi:10.1109/34.88573, in two dimensions, where complex numbers give it in closed form). So the network learns to undo
what is not pose.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from mien.layers import constant

_GRID = 5
_OFFSETS_MEASURED_AT_PX = 128
_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
_FROM_YIQ = torch.linalg.inv(torch.tensor(_TO_YIQ)).tolist()


@dataclass(frozen=True, slots=True)
class Strengths:
    """How strong the changes are; the fields of the model's config explain them."""

    warp_px: float
    trim: float
    rotation_degrees: float
    shift: float
    scale: float
    shear_degrees: float
    flip: float
    brightness: float
    contrast: float
    saturation: float
    hue: float
    color_swap: float


@dataclass(frozen=True, slots=True)
class Example:
    """What to show and what to expect: images (N, 3, S, S) in [-1, 1], black outside of the masks (N, 1, S, S)."""

    shown: Tensor
    wanted: Tensor
    mask: Tensor
    weights: Tensor
    """(N, 1, S, S), as given, where the face of `wanted` is: how much each pixel counts."""


def augment(images: Tensor, masks: Tensor, strengths: Strengths, weights: Tensor | None = None) -> Example:
    """Make training examples.

    images: float32 (N, 3, S, S) in [-1, 1]. masks: float32 (N, 1, S, S). weights: the same, how much each pixel counts;
    None: as much as it is face.
    """
    count, _, size, _ = images.shape
    exchanged = exchange_colors((images + 1) / 2, masks, strengths.color_swap)
    colored = jitter_colors(exchanged, strengths) * masks
    layers = torch.cat([colored, masks] if weights is None else [colored, masks, weights], 1)
    places = _pixel_places(size, images.device) * (1 - strengths.trim)
    offsets_std = strengths.warp_px * 2 / _OFFSETS_MEASURED_AT_PX
    coarse = torch.linspace(-1, 1, _GRID, device=images.device)
    regular = torch.complex(coarse.repeat(_GRID), coarse.repeat_interleave(_GRID)).expand(count, -1)
    offsets = torch.complex(*(torch.randn(2, count, _GRID**2, device=images.device) * offsets_std))
    affine = _random_affine(count, strengths, images.device)
    fine = interpolate(
        torch.view_as_real(offsets).permute(0, 2, 1).reshape(count, 2, _GRID, _GRID),
        size=(size, size),
        mode="bilinear",
        align_corners=True,
    )
    warped = places + torch.complex(fine[:, 0], fine[:, 1])
    factor, shift = fit_similarity(regular, regular + offsets)
    fitted = places * factor[:, None, None] + shift[:, None, None]
    shown, wanted = (_sample(layers, _apply(affine, where)) for where in (warped, fitted))
    return Example(shown[:, :3] * 2 - 1, wanted[:, :3] * 2 - 1, wanted[:, 3:4], wanted[:, -1:])


def zoom(images: Tensor, factor: float) -> Tensor:
    """Enlarge images (N, 3, S, S) in [-1, 1] about their centre; below 1 they shrink, black around."""
    if factor == 1:
        return images
    where = (_pixel_places(images.shape[-1], images.device) / factor).expand(images.shape[0], -1, -1)
    return _sample(images.float() + 1, where) - 1


def fit_similarity(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity z ↦ factor·z + shift that takes points nearest to others, by least squares.

    before, after: complex64 (N, P), x + iy. Returns factor and shift, complex64 (N,).
    """
    mean_before, mean_after = before.mean(1, keepdim=True), after.mean(1, keepdim=True)
    centered = before - mean_before
    factor = (centered.conj() * (after - mean_after)).sum(1) / centered.abs().square().sum(1)
    return factor, (mean_after - factor[:, None] * mean_before)[:, 0]


def exchange_colors(images: Tensor, masks: Tensor, share: float) -> Tensor:
    """Give that share of the faces another face's colors: mean and spread of each channel inside the mask.

    images: (N, 3, S, S) in [0, 1]. (Reinhard et al. 2001, doi:10.1109/38.946629, in RGB.)
    """
    if share == 0:
        return images
    count = len(images)
    weight = masks.sum((2, 3), keepdim=True).clamp_min(1)
    mean = (images * masks).sum((2, 3), keepdim=True) / weight
    spread = (((images - mean).square() * masks).sum((2, 3), keepdim=True) / weight).sqrt().clamp_min(1e-3)
    partner = torch.randperm(count, device=images.device)
    changed = (images - mean) / spread * spread[partner] + mean[partner]
    chosen = torch.rand(count, 1, 1, 1, device=images.device) < share
    return torch.where(chosen, changed, images).clamp(0, 1)


def jitter_colors(images: Tensor, strengths: Strengths) -> Tensor:
    """Change brightness, contrast, saturation and hue of (N, 3, S, S) in [0, 1]; each image its own way."""
    count, device = images.shape[0], images.device
    brightness, contrast, saturation = (
        1 + strength * (2 * torch.rand(count, 1, 1, 1, device=device) - 1)
        for strength in (strengths.brightness, strengths.contrast, strengths.saturation)
    )
    images = images * brightness
    gray = (images * constant(_TO_YIQ[0], device)[:, None, None]).sum(1, keepdim=True)
    images = (images - gray.mean((2, 3), keepdim=True)) * contrast + gray.mean((2, 3), keepdim=True)
    images = (images - gray) * saturation + gray
    if strengths.hue:
        images = _turn_hue(images, strengths.hue * 2 * math.pi * (2 * torch.rand(count, device=device) - 1))
    return images.clamp(0, 1)


def _turn_hue(images: Tensor, angle: Tensor) -> Tensor:
    to_yiq, from_yiq = constant(_TO_YIQ, images.device), constant(_FROM_YIQ, images.device)
    turn = torch.zeros(len(angle), 3, 3, device=images.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    return torch.einsum("nij,njhw->nihw", from_yiq @ turn @ to_yiq, images)


def _random_affine(count: int, strengths: Strengths, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """An affine map of the plane as z ↦ a·z + b·z̄ + c; a, b, c: complex64 (N,)."""
    angle, shear, zooming, right, down = 2 * torch.rand(5, count, device=device) - 1
    turn = torch.polar(1 + strengths.scale * zooming, math.radians(strengths.rotation_degrees) * angle)
    skew = torch.tan(math.radians(strengths.shear_degrees) * shear)
    # x + s·y, y  is  z + s·Im(z), and Im(z) = (z - z̄)/2i
    straight, mirrored = 1 - 0.5j * skew, 0.5j * skew
    flipped = torch.rand(count, device=device) < strengths.flip
    a = torch.where(flipped, -mirrored, straight)  # a flip is z ↦ -z̄
    b = torch.where(flipped, -straight, mirrored)
    return turn * a, turn * b, torch.complex(right, down) * 2 * strengths.shift


def _apply(affine: tuple[Tensor, Tensor, Tensor], places: Tensor) -> Tensor:
    a, b, c = (part[:, None, None] for part in affine)
    return a * places + b * places.conj() + c


def _pixel_places(size: int, device: torch.device) -> Tensor:
    """Centres of the pixels as x + iy in [-1, 1]; complex64 (S, S)."""
    line = (torch.arange(size, device=device) + 0.5) * 2 / size - 1
    return torch.complex(line.expand(size, size), line[:, None].expand(size, size))


def _sample(images: Tensor, places: Tensor) -> Tensor:
    return grid_sample(images, torch.view_as_real(places), mode="bilinear", padding_mode="zeros", align_corners=False)
