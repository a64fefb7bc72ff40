"""Augmenting what a discriminator sees, real and drawn alike, so that few images do."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def differentiably_augmented(
    images: Tensor, maps: Tensor, *, alike: int = 1, shift: float = 0.125, cutout: float = 0.4
) -> Tensor:
    """Images (N, 3, S, S) and the maps (N, M, S, S) that go with them, changed at random: (N, 3 + M, S, S).

    alike: of how many parts of the same size the rows are, one after the other, that are changed in the same way.
    Brightness, saturation and contrast of the images, then a shift and a square cut out, by shares of the side, of
    both.
    Gradients flow through. Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training"
    (arXiv:2006.10738). Random numbers come from torch's global generator.
    """
    count, _, side, _ = images.shape
    ways = count // alike
    brightness, saturation, contrast = torch.rand(3, ways, 1, 1, 1, device=images.device).repeat(1, alike, 1, 1, 1)
    images = images + (brightness - 0.5)
    gray = images.mean(1, keepdim=True)
    images = (images - gray) * (2 * saturation) + gray
    middle = images.mean((1, 2, 3), keepdim=True)
    images = (images - middle) * (contrast + 0.5) + middle
    layers = torch.cat([images, maps.to(images.dtype)], 1)
    return _with_hole(_shifted(layers, round(shift * side), alike), cutout, alike)


def _shifted(layers: Tensor, most: int, alike: int) -> Tensor:
    if most < 1:
        return layers
    count, _, side, _ = layers.shape
    x, y = torch.randint(0, 2 * most + 1, (2, count // alike, 1, 1), device=layers.device).repeat(1, alike, 1, 1)
    line = torch.arange(side, device=layers.device)
    padded = pad(layers, (most, most, most, most)).permute(0, 2, 3, 1)
    rows = torch.arange(count, device=layers.device)[:, None, None]
    shifted: Tensor = padded[rows, line[:, None] + y, line + x].permute(0, 3, 1, 2)
    return shifted


def _with_hole(layers: Tensor, share: float, alike: int) -> Tensor:
    count, _, side, _ = layers.shape
    half = share * side / 2
    x, y = torch.rand(2, count // alike, 1, 1, device=layers.device).repeat(1, alike, 1, 1) * side
    line = torch.arange(side, device=layers.device, dtype=torch.float32)
    hidden = ((line - x).abs() < half) & ((line[:, None] - y).abs() < half)
    cut_out: Tensor = layers * ~hidden[:, None]
    return cut_out
