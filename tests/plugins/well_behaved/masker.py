"""A masker: the circle inside the crop."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import mien
from mien import FaceCrop


class Masker(mien.Masker):
    """The same circle for every face."""

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        side = crops[0].size if crops else 0
        places = np.arange(side) - (side - 1) / 2
        circle = places[:, None] ** 2 + places**2 <= (side / 2) ** 2
        masks = np.repeat(circle[None], len(crops), 0)
        return masks * np.uint8(255)
