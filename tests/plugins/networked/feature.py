"""A feature that has a network which says the same."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien import FaceCrop, Feature, PluginConfig


class NetworkedConfig(PluginConfig):
    """What is measured."""

    rows: int = 4
    """How often the mean is told."""


class Networked(Feature):
    """The crop's mean color, several times."""

    Config = NetworkedConfig
    config: NetworkedConfig

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, 3)."""
        return (self.config.rows, 3)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1)."""
        return (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `mien.Feature.compute`."""
        values = np.zeros((len(crops), *self.shape), np.float32)
        for value, crop in zip(values, crops, strict=True):
            value[:] = crop.image.mean((0, 1)) / 255
        return values

    def network(self) -> nn.Module:
        """See `mien.Feature.network`."""
        return Mean(self.config.rows)


class Mean(nn.Module):
    """Mean color of images (N, 3, s, s) in [-1, 1]: (N, rows, 3) in [0, 1]."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, images: Tensor) -> Tensor:
        """The means."""
        means = (torch.mean(images, (2, 3)) + 1) / 2
        return means[:, None].expand(-1, self.rows, 3)
