"""A feature that needs another cut than the dataset's: one by the face's box."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature
from mien.contracts.hooks import PluginSpec, hookimpl
from mien.geometry.alignment import AlignmentConfig


class Upright(Feature):
    """The mean color of the face's surroundings."""

    alignment = AlignmentConfig(template="box", size=48, margin=0.5)
    shape = (3,)
    bounds = (0.0, 255.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Red, green and blue."""
        return np.array([crop.image.mean((0, 1)) for crop in crops], np.float32).reshape(-1, 3)


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature."""
    return [PluginSpec("upright", "mien_upright:Upright", "mean color about the face", contract=2)]
