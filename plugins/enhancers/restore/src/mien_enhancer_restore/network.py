"""Real-ESRGAN's network: images four times as large, and sharp."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

_CHANNELS, _GROWTH, _BLOCKS = 64, 32, 23
_RESIDUAL = 0.2
"""How much of what a block has found is added to what it was given."""


class RestorationNetwork(nn.Module):
    """Residual-in-residual dense blocks without normalization: ESRGAN's generator (Wang et al. 2018,
    arXiv:1809.00219), whose weights Real-ESRGAN has learnt from images made worse in many ways (Wang et al. 2021,
    arXiv:2107.10833)."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.first = _convolution(3, _CHANNELS)
        self.blocks = nn.Sequential(*(_Blocks() for _ in range(_BLOCKS)))
        self.body = _convolution(_CHANNELS, _CHANNELS)
        self.twice = _convolution(_CHANNELS, _CHANNELS)
        self.again = _convolution(_CHANNELS, _CHANNELS)
        self.fine = _convolution(_CHANNELS, _CHANNELS)
        self.last = _convolution(_CHANNELS, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), RGB in [0, 1], four times as large: (N, 3, 4·H, 4·W), about [0, 1]."""
        first = self.first(images)
        level = first + self.body(self.blocks(first))
        level = leaky_relu(self.twice(interpolate(level, scale_factor=2.0, mode="nearest")), 0.2)
        level = leaky_relu(self.again(interpolate(level, scale_factor=2.0, mode="nearest")), 0.2)
        enlarged: Tensor = self.last(leaky_relu(self.fine(level), 0.2))
        return enlarged


class _Blocks(nn.Module):
    """Three dense blocks, and what they were given."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Sequential(_Dense(), _Dense(), _Dense())

    def forward(self, level: Tensor) -> Tensor:
        found: Tensor = self.dense(level)
        return level + _RESIDUAL * found


class _Dense(nn.Module):
    """Five convolutions, each of which sees what all before it have found."""

    def __init__(self) -> None:
        super().__init__()
        widths = [_CHANNELS + n * _GROWTH for n in range(5)]
        self.layers = nn.ModuleList(_convolution(width, _GROWTH) for width in widths[:4])
        self.last = _convolution(widths[4], _CHANNELS)

    def forward(self, level: Tensor) -> Tensor:
        found = [level]
        for layer in self.layers:
            found.append(leaky_relu(layer(torch.cat(found, 1)), 0.2))
        last: Tensor = self.last(torch.cat(found, 1))
        return level + _RESIDUAL * last


def _convolution(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1)
