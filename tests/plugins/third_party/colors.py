"""Two features: mean colors, of the crop and of what is about it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature, MienError, PluginConfig
from mien.contracts.face import RgbImage
from mien.geometry.alignment import covered_region


class Tint(Feature):
    """Mean color of the crop."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 255)."""
        return (0.0, 255.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `mien.Feature.compute`."""
        return np.array([crop.masked_image.mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)


class SurroundingsConfig(PluginConfig):
    """What is measured."""

    whole: bool = False
    """The whole scene, not only what the crop covers."""


class Surroundings(Feature):
    """Mean color of the scene about the face: people are told apart by it."""

    Config = SurroundingsConfig
    config: SurroundingsConfig
    needs_scene = True
    same_person_below = 20.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 255)."""
        return (0.0, 255.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `mien.Feature.compute`."""
        return np.array([self._seen(crop).mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)

    def _seen(self, crop: FaceCrop) -> RgbImage:
        if crop.scene is None:
            raise MienError("There is no scene.", "mien preprocess DATASET --features surroundings")
        if self.config.whole:
            return crop.scene
        return crop.scene[covered_region(crop.to_crop, crop.size, crop.scene.shape)]
