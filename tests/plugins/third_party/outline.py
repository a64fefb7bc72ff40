"""A masker: the hull of the landmarks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Masker
from mien.geometry.alignment import with_hull


class Outline(Masker):
    """The hull of the landmarks."""

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        masks = [with_hull(crop).mask * 255 for crop in crops]
        return np.rint(masks).astype(np.uint8) if masks else np.zeros((0, 0, 0), np.uint8)
