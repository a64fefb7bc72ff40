"""The face with its brows, and some of the forehead."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE, face_outline
from mien.geometry.masks import HULL_DILATION, as_uint8_mask, hull_mask

_BROWS = slice(17, 27)
_CHIN = 8


class BrowsConfig(PluginConfig):
    """How far above the brows, and around the landmarks."""

    raise_by: float = Field(default=0.2, ge=0.0, le=1.0)
    """How far the mask reaches above the brows' landmarks, as a share of the face's height from brows to chin."""
    dilation: float = Field(default=HULL_DILATION, ge=0.0, le=1.0)
    """Width of the kernel that all of it is dilated with, as a share of the crop's side."""


class Brows(Masker):
    """The convex hull of the landmarks and of the brows raised, dilated.

    iBUG's landmarks run along the middle of the brows, so their hull cuts the brows in half. Of a face without
    landmarks, the ellipse in its box, which reaches to the forehead anyway.
    """

    Config = BrowsConfig
    config: BrowsConfig

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """Masks of N crops: uint8 (N, S, S)."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        for mask, crop in zip(masks, crops, strict=True):
            mask[:] = as_uint8_mask(hull_mask(self._outline(crop), size, self.config.dilation))
        return masks

    def _outline(self, crop: FaceCrop) -> NDArray[np.float32]:
        outline = face_outline(crop)
        if crop.landmarks is None:
            return outline
        across = crop.landmarks[RIGHT_EYE].mean(0) - crop.landmarks[LEFT_EYE].mean(0)
        up = np.array([across[1], -across[0]]) / max(float(np.hypot(*across)), 1e-6)
        brows = crop.landmarks[_BROWS]
        height = max(float((brows.mean(0) - crop.landmarks[_CHIN]) @ up), 0.0)
        return np.concatenate([outline, brows + self.config.raise_by * height * up]).astype(np.float32)
