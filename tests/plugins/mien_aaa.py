"""A feature whose name comes first, and by which everybody is the same person: whoever asks it is found out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature
from mien.contracts.hooks import PluginSpec, hookimpl


class Everybody(Feature):
    """512 zeros."""

    same_person_below = 0.1
    shape = (512,)
    bounds = (-1.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """No face is any different."""
        return np.zeros((len(crops), *self.shape), np.float32)


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature."""
    return [PluginSpec("aaa", "mien_aaa:Everybody", "everybody is the same", contract=2)]
