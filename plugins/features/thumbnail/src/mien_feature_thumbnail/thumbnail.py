"""The crop at a few pixels."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig


class ThumbnailConfig(PluginConfig):
    """How small."""

    size: int = Field(default=8, ge=1)
    """Side in pixels. The reference study used 2, 4 and 8."""


class Thumbnail(Feature):
    """The crop, black around the face, averaged over areas to n×n RGB pixels in [0, 1]."""

    Config = ThumbnailConfig
    config: ThumbnailConfig

    @property
    def shape(self) -> tuple[int, ...]:
        """(size, size, 3)."""
        return (self.config.size, self.config.size, 3)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1)."""
        return (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N faces: float32 (N, size, size, 3)."""
        values = np.empty((len(crops), *self.shape), np.float32)
        side = (self.config.size, self.config.size)
        for value, crop in zip(values, crops, strict=True):
            value[:] = cv2.resize(crop.masked_image.astype(np.float32), side, interpolation=cv2.INTER_AREA) / 255
        return values
