"""A feature that needs landmarks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature, MienError


class Nose(Feature):
    """Where the nose is."""

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
        noses = [crop.landmarks[30] / crop.size for crop in crops if crop.landmarks is not None]
        if len(noses) < len(crops):
            raise MienError("The feature nose needs landmarks.", "Leave it out.")
        return np.array(noses, np.float32).reshape(-1, 2)
