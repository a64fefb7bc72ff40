"""The two networks of a progressive GAN, which grow from 4×4 pixels (Karras et al. 2018, arXiv:1710.10196)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from mien.layers.equalized import HE_GAIN, EqualizedConvolution, EqualizedLinear, pixel_norm, with_batch_deviation

Conditioning: TypeAlias = Literal["channels", "projection"]

FIRST_SIDE = 4
"""Side of the images at level 0, in pixels; each further level doubles it."""
_SLOPE = 0.2
_EMBEDDING = 256


def widths_of(levels: int, base: int, most: int) -> list[int]:
    """Maps at each level: the paper's base / 2^(level + 1), at most `most`, with 4×4 pixels as level 0."""
    return [max(1, min(base // 2 ** (level + 1), most)) for level in range(levels)]


class GrowingGenerator(nn.Module):
    """Vectors (N, length) → images (N, 3, S, S), RGB, with S = 4 · 2^level. They are meant to lie in [-1, 1].

    widths: maps at each level. `fade` in [0, 1] blends a level in: 0 is the level below, its pixels doubled.
    """

    def __init__(self, length: int, widths: Sequence[int]) -> None:
        super().__init__()
        # The paper's gain of the first layer, a quarter of the others'.
        self.first = EqualizedLinear(length, widths[0] * FIRST_SIDE**2, gain=HE_GAIN / 4)
        self.blocks = nn.ModuleList([_drawing(widths[0], widths[0])])
        for wide, narrow in pairwise(widths):
            self.blocks.append(nn.Sequential(_drawing(wide, narrow), _drawing(narrow, narrow)))
        self.to_rgb = nn.ModuleList(EqualizedConvolution(width, 3, 1, gain=1.0) for width in widths)

    def forward(self, vectors: Tensor, *, level: int, fade: float = 1.0) -> Tensor:
        """Draw."""
        begun = self.first(pixel_norm(vectors)).view(len(vectors), FIRST_SIDE, FIRST_SIDE, -1)
        maps = before = pixel_norm(nn.functional.leaky_relu(begun, _SLOPE).permute(0, 3, 1, 2))
        for number, block in enumerate(self.blocks[: level + 1]):
            before = maps
            maps = block(doubled(maps) if number else maps)
        images: Tensor = self.to_rgb[level](maps)
        if fade < 1 and level:
            coarse = doubled(self.to_rgb[level - 1](before))
            images = coarse + (images - coarse) * fade
        return images


class GrowingDiscriminator(nn.Module):
    """Images (N, 3, S, S), and conditions (N, length) if it has some → verdicts float32 (N,): higher is more real.

    widths, level and fade as of the generator. conditioning: "channels" gives the first layer of each level the
    condition as further channels of the image; "projection" compares an embedding of it with what the network saw
    (Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, widths: Sequence[int], *, length: int = 0, conditioning: Conditioning = "projection") -> None:
        super().__init__()
        self.sees_conditions = conditioning == "channels"
        """Whether conditions are part of the image, so that it has to be seen anew for other conditions."""
        channels = length if self.sees_conditions else 0
        self.from_rgb = nn.ModuleList(_FromImage(channels, width) for width in widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(_seeing(narrow, narrow), _seeing(narrow, wide), nn.AvgPool2d(2))
            for wide, narrow in pairwise(widths)
        )
        self.last = _seeing(widths[0] + 1, widths[0])
        self.flat = nn.Sequential(
            nn.Flatten(), EqualizedLinear(widths[0] * FIRST_SIDE**2, widths[0]), nn.LeakyReLU(_SLOPE)
        )
        self.logits = EqualizedLinear(widths[0], 1, gain=1.0)
        self.projection: nn.Module | None = None
        self.embedding: nn.Module | None = None
        if length and not channels:
            self.projection = EqualizedLinear(widths[0], _EMBEDDING, gain=1.0)
            self.embedding = EqualizedLinear(length, _EMBEDDING, gain=1.0)

    def forward(
        self, images: Tensor, conditions: Tensor | None = None, *, level: int, fade: float = 1.0, groups: int = 1
    ) -> Tensor:
        """Judge. groups: of how many batches, one after the other, the images are; see `with_batch_deviation`."""
        return self.adversarial_bce(
            self.activations(images, conditions, level=level, fade=fade, groups=groups), conditions
        )

    def activations(
        self, images: Tensor, conditions: Tensor | None = None, *, level: int, fade: float = 1.0, groups: int = 1
    ) -> Tensor:
        """What the network sees in images, (N, widths[0]). The conditions matter if `sees_conditions` alone."""
        maps = self.from_rgb[level](images, conditions)
        for number in reversed(range(level)):
            maps = self.blocks[number](maps)
            if fade < 1 and number == level - 1:
                coarse = self.from_rgb[number](avg_pool2d(images, 2), conditions)
                maps = coarse + (maps - coarse) * fade
        return cast(Tensor, self.flat(self.last(with_batch_deviation(maps, groups))))

    def adversarial_bce(self, activations: Tensor, conditions: Tensor | None = None) -> Tensor:
        """The verdicts on what was seen."""
        logits = self.logits(activations).squeeze(1).float()
        if self.projection is not None and self.embedding is not None and conditions is not None:
            compared = self.projection(activations) * self.embedding(conditions)
            logits = logits + compared.float().sum(1) / _EMBEDDING**0.5
        return cast(Tensor, logits)


class _FromImage(nn.Module):
    """Images (N, 3, S, S) and conditions (N, length) → maps (N, width, S, S), by a convolution 1×1."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.convolution = EqualizedConvolution(3 + length, width, 1)

    def forward(self, images: Tensor, conditions: Tensor | None) -> Tensor:
        """Convolve. A channel that is the same everywhere adds the same everywhere: it is multiplied once."""
        layer = self.convolution
        weight = layer.weight * layer.scale
        maps = nn.functional.conv2d(images, weight[:, :3], layer.bias)
        if weight.shape[1] > 3 and conditions is not None:
            maps = maps + nn.functional.linear(conditions, weight[:, 3:, 0, 0])[:, :, None, None]
        return nn.functional.leaky_relu(maps, _SLOPE)


class _PixelNorm(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return pixel_norm(maps)


def doubled(maps: Tensor) -> Tensor:
    """Each pixel as 2×2 of them: (N, C, H, W) → (N, C, 2H, 2W)."""
    return interpolate(maps, scale_factor=2, mode="nearest")


def faded(images: Tensor, fade: float) -> Tensor:
    """Real images as a level that is being blended in shows them: between half the resolution and the whole one."""
    if fade >= 1:
        return images
    coarse = doubled(avg_pool2d(images, 2))
    return torch.lerp(coarse, images, fade)


def _drawing(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(EqualizedConvolution(channels_in, channels_out, 3), nn.LeakyReLU(_SLOPE), _PixelNorm())


def _seeing(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(EqualizedConvolution(channels_in, channels_out, 3), nn.LeakyReLU(_SLOPE))
