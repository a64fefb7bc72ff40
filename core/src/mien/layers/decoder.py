"""The decoder of the latent models: from features to an image."""

import math
from typing import Literal

from pydantic import Field
from torch import nn

from mien.contracts.plugin import PluginConfig
from mien.layers.convolution import Upscale

_CODE_SIDE = 4


class DecoderConfig(PluginConfig):
    """How large the decoder is; the defaults are the reference."""

    size: Literal[8, 16, 32, 64, 128, 256] = 128
    """Side of the images in pixels."""
    bottleneck: int = Field(default=1024, ge=1)
    """Length of the first linear layer's output."""
    code_channels: int = Field(default=1024, ge=1)
    """Channels that it is spread to, at 4×4 pixels."""
    width: int = Field(default=512, ge=1)
    """Channels after the first upscale; each further one halves them."""


def feature_decoder(features: int, config: DecoderConfig) -> nn.Sequential:
    """Features (N, features) → images (N, 3, size, size) in [-1, 1]."""
    layers: list[nn.Module] = [
        nn.Linear(features, config.bottleneck),
        nn.Linear(config.bottleneck, config.code_channels * _CODE_SIDE**2),
        nn.Unflatten(1, (config.code_channels, _CODE_SIDE, _CODE_SIDE)),
    ]
    channels = config.code_channels
    for level in range(int(math.log2(config.size // _CODE_SIDE))):
        narrower = max(config.width // 2**level, 1)
        layers.append(Upscale(channels, narrower))
        channels = narrower
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 5, padding=2), nn.Tanh())
