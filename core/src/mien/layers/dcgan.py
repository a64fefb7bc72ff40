"""The two networks of a DCGAN, with or without a condition (Radford, Metz, Chintala 2016, arXiv:1511.06434)."""

import math
from itertools import pairwise
from typing import Literal, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Normalization: TypeAlias = Literal["batch", "spectral"]
Conditioning: TypeAlias = Literal["channels", "projection"]

_FIRST_SIDE = 4
_SLOPE = 0.2
_WIDEST = 8
"""Channels at 4×4 pixels, as a multiple of those next to the image."""
_EMBEDDING = 256


def dcgan_generator(length: int, size: int, width: int) -> nn.Sequential:
    """Vectors (N, length) → images (N, 3, size, size) in [-1, 1].

    size: a power of two, at least 8. width: channels before the last layer; they double towards 4×4 pixels, to 8 times
    as many at most. The transposed convolution that the paper begins with is a linear layer here: the same product.
    """
    widths = [width * min(2**level, _WIDEST) for level in reversed(range(_levels(size)))]
    layers: list[nn.Module] = [
        nn.Linear(length, widths[0] * _FIRST_SIDE**2, bias=False),
        nn.Unflatten(1, (widths[0], _FIRST_SIDE, _FIRST_SIDE)),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    ]
    for wide, narrow in pairwise(widths):
        layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
    layers += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers).apply(_begin)


class DcganDiscriminator(nn.Module):
    """Images (N, 3, size, size), and conditions (N, length) if it has some → logits (N,): above 0 is real.

    conditioning: "channels" tiles the condition as channels after the first convolution, as the conditional GAN of the
    reference study; "projection" compares an embedding of it with what the network saw (Miyato and Koyama 2018,
    arXiv:1802.05637), which stays stable with many features. normalization: "batch" as in the paper, "spectral" bounds
    each layer's gain (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(
        self,
        size: int,
        width: int,
        *,
        length: int = 0,
        conditioning: Conditioning = "projection",
        normalization: Normalization = "batch",
    ) -> None:
        super().__init__()
        widths = [width * min(2**level, _WIDEST) for level in range(_levels(size))]
        self._tiled = length if conditioning == "channels" else 0
        self.first = nn.Sequential(_convolution(3, widths[0], normalization), nn.LeakyReLU(_SLOPE))
        layers: list[nn.Module] = []
        narrow = widths[0] + self._tiled
        for wide in widths[1:]:
            layers.append(_convolution(narrow, wide, normalization))
            layers += [nn.BatchNorm2d(wide)] if normalization == "batch" else []
            layers.append(nn.LeakyReLU(_SLOPE))
            narrow = wide
        self.rest = nn.Sequential(*layers, nn.Flatten())
        width_of_maps = narrow * _FIRST_SIDE**2
        self.logits = _normalized(nn.Linear(width_of_maps, 1), normalization)
        self.projection: nn.Module | None = None
        self.embedding: nn.Module | None = None
        if length and not self._tiled:
            self.projection = _normalized(nn.Linear(width_of_maps, _EMBEDDING), normalization)
            self.embedding = _normalized(nn.Linear(length, _EMBEDDING), normalization)
        self.apply(_begin)

    def forward(self, images: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Judge."""
        maps = self.first(images)
        if self._tiled and conditions is not None:
            tiled = conditions[:, :, None, None].expand(-1, -1, *maps.shape[2:])
            maps = torch.cat([maps, tiled.to(maps.dtype)], 1)
        maps = self.rest(maps)
        logits = self.logits(maps).squeeze(1).float()
        if self.projection is not None and self.embedding is not None and conditions is not None:
            logits = logits + (self.projection(maps) * self.embedding(conditions)).float().sum(1) / math.sqrt(
                _EMBEDDING
            )
        return cast(Tensor, logits)


def _levels(size: int) -> int:
    return int(math.log2(size // _FIRST_SIDE))


def _convolution(channels_in: int, channels_out: int, normalization: Normalization) -> nn.Module:
    # A batch normalization that follows takes a bias away again; the image's own layer has none after it.
    bias = normalization == "spectral" or channels_in == 3
    return _normalized(nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=bias), normalization)


def _normalized(layer: nn.Module, normalization: Normalization) -> nn.Module:
    return spectral_norm(layer) if normalization == "spectral" else layer


def _begin(layer: nn.Module) -> None:
    """The paper's first weights: normal with a standard deviation of 0.02. Spectral norms begin with PyTorch's."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and not hasattr(layer, "parametrizations"):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
