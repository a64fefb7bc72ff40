"""The face as far as its landmarks reach."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import face_outline
from mien.geometry.masks import HULL_DILATION, as_uint8_mask, hull_mask


class HullConfig(PluginConfig):
    """How far around the landmarks."""

    dilation: float = Field(default=HULL_DILATION, ge=0.0, le=1.0)
    """Width of the kernel that the hull is dilated with, as a share of the crop's side. The reference study used 0.1.
    """


class Hull(Masker):
    """The convex hull of the landmarks, dilated; of a face without landmarks, the ellipse in its box."""

    Config = HullConfig
    config: HullConfig

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """Masks of N crops: uint8 (N, S, S)."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        for mask, crop in zip(masks, crops, strict=True):
            mask[:] = as_uint8_mask(hull_mask(face_outline(crop), size, self.config.dilation))
        return masks
