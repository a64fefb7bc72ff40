"""A masker that says what stands in front of a face."""

import numpy as np

from mien import Masker


class Bars(Masker):
    subtracts = True

    def mask(self, crops):
        if not crops:
            return np.zeros((0, 0, 0), np.uint8)
        return np.stack([np.where((crop.image > 250).all(2), 255, 0) for crop in crops]).astype(np.uint8)
