"""Maskers whose masks can be told beforehand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Masker, PluginConfig
from mien.geometry.alignment import AlignmentConfig


class HalfConfig(PluginConfig):
    """Which half."""

    side: str = "left"
    """Left or right."""
    level: int = 255
    """What the mask is there."""


class Half(Masker):
    """Half of the crop."""

    Config = HalfConfig
    config: HalfConfig

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        masks[:, :, slice(size // 2) if self.config.side == "left" else slice(size // 2, None)] = self.config.level
        return masks


class InFront(Half):
    """The same, in front of the face."""

    subtracts = True


class Thin(InFront):
    """The same, thin."""

    thin = True


class Blot(Masker):
    """A blot where the published alignment has the nose."""

    alignment = AlignmentConfig(size=112, template="arcface")

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        masks = np.zeros((len(crops), 112, 112), np.uint8)
        masks[:, 62:82, 46:66] = 255
        return masks


class Scene(Masker):
    """1 wherever there is a scene."""

    needs_scene = True

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        return np.stack([np.full((crop.size, crop.size), crop.scene is not None, np.uint8) for crop in crops])
