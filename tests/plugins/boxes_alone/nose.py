"""A feature that cannot do without landmarks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature, MienError


class Nose(Feature):
    """Where the tip of the nose is, as a share of the crop's side."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1)."""
        return (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `mien.Feature.compute`."""
        values = np.empty((len(crops), 2), np.float32)
        for value, crop in zip(values, crops, strict=True):
            if crop.landmarks is None:
                raise MienError("The feature nose needs landmarks.", "Leave it out.")
            value[:] = crop.landmarks[30] / crop.size
        return values
