"""A feature: the crop's mean color."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import mien
from mien import FaceCrop, PluginConfig


class MeanConfig(PluginConfig):
    """What is measured."""

    rows: int = 4
    """How often the mean is told."""


class Feature(mien.Feature):
    """The crop's mean color, several times."""

    Config = MeanConfig
    config: MeanConfig

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
