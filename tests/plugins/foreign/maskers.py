"""A masker that says what stands in front of a face."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Masker


class Bars(Masker):
    subtracts = True

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        if not crops:
            return np.zeros((0, 0, 0), np.uint8)
        return np.stack([np.where((crop.image > 250).all(2), 255, 0) for crop in crops]).astype(np.uint8)


class Wires(Bars):
    thin = True


class Beams(Bars):
    seldom = 4
