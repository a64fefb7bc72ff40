"""The two networks: one fills the hole of a face, the other judges the whole picture."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from mien.layers import LANDMARK_MAPS, Convolution, ModulatedConvolution
from mien.layers.equalized import with_batch_deviation

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))
"""What keeps the variance through `leaky_relu` (He et al. 2015, arXiv:1502.01852)."""
_SMALLEST = 8
_PATCHES = 16


def channels_of(size: int, width: int, most: int, smallest: int) -> list[int]:
    """Channels at each resolution: `width` at the image's own, twice as many at each half, `most` at most."""
    return [min(width * 2**level, most) for level in range(int(math.log2(size // smallest)) + 1)]


class Generator(nn.Module):
    """Picture with a hole, landmark maps at half its side, and an encoding → the whole picture.

    Half a U-Net (Ronneberger et al. 2015) reads what is around the hole; the other half draws, each of its convolutions
    modulated by a style made of the encoding, and sees the maps again at each resolution.
    """

    def __init__(self, size: int, width: int, most: int, encoding: int, styles: int) -> None:
        super().__init__()
        channels = channels_of(size, width, most, _SMALLEST)
        self.mapping = nn.Sequential(
            nn.Linear(encoding, styles), nn.LeakyReLU(_SLOPE), nn.Linear(styles, styles), nn.LeakyReLU(_SLOPE)
        )
        self.first = Convolution(4, channels[0], 3)
        halvings = [
            Convolution(ours + (LANDMARK_MAPS if level else 0), theirs, 3, stride=2)
            for level, (ours, theirs) in enumerate(pairwise(channels))
        ]
        _begin_evenly(self.first, *halvings)
        self.halvings = nn.ModuleList(halvings)
        self.deepest = ModulatedConvolution(channels[-1] + LANDMARK_MAPS, channels[-1], 3, styles)
        self.joining, self.drawing = nn.ModuleList(), nn.ModuleList()
        for level, (ours, deeper) in reversed(list(enumerate(pairwise(channels)))):
            maps = LANDMARK_MAPS if level else 0
            self.joining.append(ModulatedConvolution(deeper + ours + maps, ours, 3, styles))
            self.drawing.append(ModulatedConvolution(ours, ours, 3, styles) if level else nn.Identity())
        self.to_rgb = nn.Conv2d(channels[0], 3, 1)

    def forward(self, holed: Tensor, hole: Tensor, maps: Tensor, encodings: Tensor) -> Tensor:
        """holed: (N, 3, S, S) in [-1, 1]; hole: (N, 1, S, S), 1 where it is; maps: (N, M, S/2, S/2); encodings: (N, D).

        Returns (N, 3, S, S), in [-1, 1] nearly.
        """
        styles = self.mapping(encodings)
        at = {maps.shape[-1]: maps}
        while maps.shape[-1] > _SMALLEST:
            maps = avg_pool2d(maps, 2)
            at[maps.shape[-1]] = maps
        x = leaky_relu(self.first(torch.cat([holed, hole], 1)), _SLOPE)
        seen = []
        for level, halving in enumerate(self.halvings):
            seen.append(x)
            x = leaky_relu(halving(torch.cat([x, at[x.shape[-1]].to(x.dtype)], 1) if level else x), _SLOPE)
        x = _active(self.deepest(torch.cat([x, at[x.shape[-1]].to(x.dtype)], 1), styles))
        for level, (join, draw) in enumerate(zip(self.joining, self.drawing, strict=True)):
            before = seen[-1 - level]
            parts = [interpolate(x, scale_factor=2.0, mode="nearest"), before.to(x.dtype)]
            if before.shape[-1] in at:
                parts.append(at[before.shape[-1]].to(x.dtype))
            x = _active(join(torch.cat(parts, 1), styles))
            if isinstance(draw, ModulatedConvolution):  # next to the image one is enough, and dear
                x = _active(draw(x, styles))
        rgb: Tensor = self.to_rgb(x)
        return rgb.float()


class Discriminator(nn.Module):
    """Picture and landmark maps, (N, 3 + M, S, S) → verdicts on the whole and on its parts, and what it saw."""

    def __init__(self, size: int, width: int, most: int) -> None:
        super().__init__()
        channels = channels_of(size // 2, width, most, 4)
        self.first = nn.Conv2d(3 + LANDMARK_MAPS, channels[0], 4, stride=2, padding=1)
        self.blocks = nn.ModuleList(_Block(ours, theirs) for ours, theirs in pairwise(channels))
        self.patch_level = min(max(int(math.log2(size // (2 * _PATCHES))), 1), len(self.blocks))
        self.patches = nn.Conv2d(channels[self.patch_level], 1, 1)
        self.last = nn.Conv2d(channels[-1] + 1, channels[-1], 3, padding=1)
        self.whole = nn.Linear(channels[-1] * 16, 1)
        _begin_evenly(self.first, self.last)

    def forward(self, layers: Tensor, groups: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Verdicts (N,) and (N, P), larger for what looks real, and the maps of each block.

        groups: of how many batches the rows are, one after the other; how much faces differ is seen within each.
        """
        x = leaky_relu(self.first(layers), _SLOPE)
        seen = [x]
        for block in self.blocks:
            x = block(x)
            seen.append(x)
        parts = self.patches(seen[self.patch_level]).flatten(1).float()
        x = leaky_relu(self.last(with_batch_deviation(x, groups)), _SLOPE)
        return self.whole(x.flatten(1))[:, 0].float(), parts, seen


class _Block(nn.Module):
    """Halves a picture (He et al. 2016, as in arXiv:1802.05957, with strides for its means)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels_in, channels_in, 3, padding=1)
        self.two = nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1)
        self.past = nn.Conv2d(channels_in, channels_out, 2, stride=2)
        _begin_evenly(self.one, self.two)
        nn.init.kaiming_normal_(self.past.weight, nonlinearity="linear")

    def forward(self, maps: Tensor) -> Tensor:
        x = leaky_relu(self.two(leaky_relu(self.one(maps), _SLOPE)), _SLOPE)
        sum_of_both: Tensor = (x + self.past(maps)) / math.sqrt(2)
        return sum_of_both


def _active(maps: Tensor) -> Tensor:
    return leaky_relu(maps, _SLOPE) * _GAIN


def _begin_evenly(*layers: nn.Conv2d) -> None:
    """Weights that keep the variance of what goes through, so that also the deepest layer is told of the image."""
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
