"""How the colors of a face are spread."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig

_LEVELS = 256
_CHANNELS = 3
_USUAL = 5.0
"""A bin of a real face seldom holds more than so many times its even share."""


class HistogramConfig(PluginConfig):
    """How fine."""

    bins: int = Field(default=10, ge=2, le=_LEVELS)
    """Bins of equal width for each channel. The reference study used 10."""


class Histogram(Feature):
    """Shares of the face's pixels in bins of equal width, for red, green and blue; each channel's add up to 1.

    A pixel counts as much as the mask is there, so the black around a face does not count. A crop without any mask has
    zeros.
    """

    Config = HistogramConfig
    config: HistogramConfig

    @property
    def shape(self) -> tuple[int, ...]:
        """(3, bins), red first."""
        return (_CHANNELS, self.config.bins)

    @property
    def bounds(self) -> tuple[float, float]:
        """0 to 1, or, with more than five bins, to five times the even share: larger shares are rare."""
        return (0.0, min(1.0, _USUAL / self.config.bins))

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N faces: float32 (N, 3, bins)."""
        values = np.zeros((len(crops), *self.shape), np.float32)
        for value, crop in zip(values, crops, strict=True):
            shown = crop.mask > 0
            weights = crop.mask[shown].astype(np.float64)
            if not (total := weights.sum()):
                continue
            bins = crop.masked_image[shown].astype(np.int64) * self.config.bins // _LEVELS
            for channel in range(_CHANNELS):
                value[channel] = np.bincount(bins[:, channel], weights, self.config.bins) / total
        return values
