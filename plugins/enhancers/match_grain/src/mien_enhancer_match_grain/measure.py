"""How blurred an image is, and how grainy."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_REBLUR_PX = 1.0
_STRONG = 0.9
"""Blur is measured at the steepest tenth of the pixels: there is an edge, and noise hardly matters."""
_LEAST_PIXELS = 64
_BLOCK_PX = 12
"""Grain is measured in blocks of that side;"""
_FLATTEST = 0.05
"""of the variances in all blocks, this quantile counts: wrinkles and hair are not grain."""
_OF_MEAN = (0.67, 0.65)
"""Of white noise, the share of that quantile in the variance, at the two octaves."""
_BLACK, _WHITE = -0.8, 0.9
_TO_SIGMA = 1 / 0.6745
"""From the median of absolute values to the standard deviation, of a normal distribution."""
_WIDEST_PX = 2.5
_STEPS = 51


@dataclass(frozen=True, slots=True)
class Grain:
    """Noise of one channel: white noise after a Gaussian."""

    sigma: float
    """Standard deviation, in the image's unit."""
    width_px: float
    """Standard deviation of the Gaussian in pixels: 0 is white noise; what was enlarged or compressed is wider."""


def blur_px(luma: Tensor, inside: Tensor) -> float:
    """How far the image's edges are blurred: standard deviation of a Gaussian in pixels; 0 if nothing is to be seen.

    Zhuo & Sim, Defocus Map Estimation from a Single Image, Pattern Recognition 44 (2011): blurred once more by σ₀, the
    gradient at an edge falls by R = √((σ² + σ₀²) / σ²). luma: float32 (S, S). inside: bool (S, S), what counts.
    """
    again = blurred(luma[None], _REBLUR_PX)[0]
    steep, less = _gradient(luma), _gradient(again)
    counted = less[inside]
    if len(counted) < _LEAST_PIXELS:
        return 0.0
    strong = inside & (less >= torch.quantile(counted, _STRONG)) & (less > 1e-4)
    if not strong.any():
        return 0.0
    ratio = float((steep[strong] / less[strong]).median())
    return float(_REBLUR_PX / max(ratio**2 - 1, 1e-2) ** 0.5)


def grain_energy(channel: Tensor, luma: Tensor) -> tuple[float, float]:
    """Variance of the diagonal detail of two octaves: that of neighboring pixels, and of blocks of 2×2.

    By the median of absolute values in each block (Donoho & Johnstone, Biometrika 81, 1994). Grain is everywhere, in
    the face and around it, so those blocks count in which it is least; but not what is black or white. channel, luma:
    float32 (S, S).
    """
    side = min(_BLOCK_PX, max(channel.shape[-1] // 4, 4))
    light = _blocks(luma, side).mean(1)
    within = (light > _BLACK) & (light < _WHITE)
    energies = []
    for step, of_mean in zip((1, 2), _OF_MEAN, strict=True):
        smooth = functional.avg_pool2d(channel[None, None], step, 1)[0, 0]
        detail = (smooth[:-step, :-step] - smooth[step:, :-step] - smooth[:-step, step:] + smooth[step:, step:]) / 2
        short = channel.shape[-1] - detail.shape[-1]
        whole = functional.pad(detail.abs()[None, None], (0, short, 0, short), mode="replicate")[0, 0]
        sigmas = _blocks(whole, side)[within].median(1).values * _TO_SIGMA
        energies.append(float(torch.quantile(sigmas, _FLATTEST)) ** 2 / of_mean if len(sigmas) else 0.0)
    return energies[0], energies[1]


def _blocks(plane: Tensor, side: int) -> Tensor:
    """The pixels of each whole block: float32 (blocks, side²)."""
    return functional.unfold(plane[None, None], side, stride=side)[0].T


def grain_of(fine: float, coarse: float) -> Grain:
    """The grain whose octaves have these variances."""
    if fine <= 0:
        return Grain(0.0, 0.0)
    widths = torch.linspace(0, _WIDEST_PX, _STEPS, dtype=torch.float64)
    fine_share, coarse_share = (energy.sqrt() for energy in _expected(widths))
    wanted = (coarse / fine) ** 0.5
    at = int((coarse_share / fine_share - wanted).abs().argmin())
    # Both octaves tell how strong it is; the coarser is less disturbed by rounding to 8 bit.
    strengths = torch.tensor([fine**0.5 / float(fine_share[at]), coarse**0.5 / float(coarse_share[at])])
    return Grain(float(strengths.mean()), float(widths[at]))


def _expected(widths: Tensor) -> tuple[Tensor, Tensor]:
    """The octaves' variances of noise of variance 1 after Gaussians of these widths."""
    safe = widths.clamp(min=1e-3)
    one, two, three = (torch.exp(-(distance**2) / (4 * safe**2)) for distance in (1, 2, 3))
    return (1 - one) ** 2, ((4 + 2 * one - 4 * two - 2 * three) / 8) ** 2


def blurred(image: Tensor, sigma_px: float) -> Tensor:
    """A Gaussian over float32 (C, S, S); the border is repeated."""
    radius = int(3 * sigma_px + 0.5)
    if radius < 1:
        return image
    at = torch.arange(-radius, radius + 1, dtype=torch.float32, device=image.device)
    kernel = torch.exp(-(at**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(image[:, None], (radius,) * 4, mode="replicate")
    across = functional.conv2d(padded, kernel[None, None, None, :])
    return functional.conv2d(across, kernel[None, None, :, None])[:, 0]


def _gradient(plane: Tensor) -> Tensor:
    padded = functional.pad(plane[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    across = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    return torch.sqrt(across**2 + down**2)
