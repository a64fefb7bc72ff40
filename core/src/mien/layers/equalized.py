"""Layers of the progressive GAN (Karras et al. 2018, arXiv:1710.10196, sections 3 and 4)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mien.layers.convolution import convolve

HE_GAIN = math.sqrt(2)
"""Before a rectifier (He et al. 2015, arXiv:1502.01852)."""


class EqualizedConvolution(nn.Module):
    """A square convolution with zero padding whose weights are scaled when they are used, not when they are made.

    (N, channels_in, H, W) → (N, channels_out, H, W). The stored weights are standard normal, and the used ones those
    times gain / √(inputs of a neuron): so every layer learns at the same speed under an optimizer that, as Adam, does
    not look at the gradient's scale.
    """

    def __init__(self, channels_in: int, channels_out: int, side: int, *, gain: float = HE_GAIN) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, side, side))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.scale = gain / math.sqrt(channels_in * side * side)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve."""
        return convolve(maps, self.weight * self.scale, self.bias)


class EqualizedLinear(nn.Module):
    """A linear layer with the same scaling: (N, length_in) → (N, length_out)."""

    def __init__(self, length_in: int, length_out: int, *, gain: float = HE_GAIN, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(length_out, length_in))
        self.bias = nn.Parameter(torch.zeros(length_out)) if bias else None
        self.scale = gain / math.sqrt(length_in)

    def forward(self, values: Tensor) -> Tensor:
        """Multiply."""
        return linear(values, self.weight * self.scale, self.bias)


def pixel_norm(values: Tensor) -> Tensor:
    """Scale each place's vector, along dimension 1, to a mean square of 1. (N, C) or (N, C, H, W)."""
    mean_square = values.square().mean(1, keepdim=True, dtype=torch.float32)
    return values * torch.rsqrt(mean_square + 1e-8).to(values.dtype)


def with_batch_deviation(maps: Tensor, groups: int) -> Tensor:
    """Maps (N, C, H, W) with one more, which tells how much the faces of a batch differ: (N, C + 1, H, W).

    It is the mean over all channels and places of the standard deviation over the batch. groups: of how many batches of
    the same size, one after the other, the maps are; each gets its own value.
    """
    parts = maps.float().reshape(groups, -1, *maps.shape[1:])
    deviation = (parts.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    value = deviation.repeat_interleave(len(maps) // groups).to(maps.dtype)
    return torch.cat([maps, value[:, None, None, None].expand(-1, 1, *maps.shape[2:])], 1)
