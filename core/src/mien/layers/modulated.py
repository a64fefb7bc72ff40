"""Convolutions that a style steers."""

import math

import torch
from torch import Tensor, nn

from mien.layers.convolution import convolve


class ModulatedConvolution(nn.Module):
    """A square convolution whose weights a style scales and whose outputs keep their variance.

    (N, channels_in, H, W) and styles (N, D) → (N, channels_out, H, W). Karras et al. 2020, "Analyzing and improving the
    image quality of StyleGAN" (arXiv:1912.04958), section 2.2: weights w·s are divided by their length. Since s scales
    inputs and the length scales outputs, one convolution serves all rows.
    """

    def __init__(self, channels_in: int, channels_out: int, side: int, styles: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.randn(channels_out, channels_in, side, side) / math.sqrt(channels_in * side**2)
        )
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.style = nn.Linear(styles, channels_in)
        nn.init.ones_(self.style.bias)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        """Convolve."""
        factors = self.style(styles)
        weight = self.weight
        with torch.autocast(maps.device.type, enabled=False):
            squares = weight.float().square().sum((2, 3))
            lengths = torch.rsqrt(factors.float().square() @ squares.T + 1e-8)
        convolved = convolve(maps * factors[:, :, None, None].to(maps.dtype), weight.to(maps.dtype), None)
        return convolved * lengths[:, :, None, None].to(maps.dtype) + self.bias[:, None, None].to(maps.dtype)
