"""A face set into the scene band by band: coarse colors fade widely, fine detail narrowly."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.blender import Blender
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite
from mien.geometry.masks import erode_and_feather
from mien.imaging.color import ColorConfig
from mien.imaging.overlay import overlay

Bands = list[NDArray[np.float32]]

_EDGE = 0.03
"""Width over which the finest band fades, as a share of the crop's side; each coarser one fades twice as widely."""
_SMALLEST_PX = 4


class MultibandConfig(ColorConfig):
    """Into how many bands face and scene are split, and from where on the face begins."""

    levels: int = Field(default=4, ge=1, le=8)
    """Bands of detail, each twice as coarse as the one before; what is left is a band more. A small crop has fewer:
    none is halved below 4 px."""
    erosion: float = Field(default=0.15, ge=0.0, le=1.0)
    """Width of the kernel that the mask is eroded with, as a share of the crop's side. 0.1 takes back what alignment
    dilates the landmarks' hull by. The finest band begins right there, so the edge is better off within the face than
    on its outline."""


class Multiband(Blender):
    """Face and scene mixed in each band of a Laplacian pyramid.

    Burt & Adelson, A Multiresolution Spline With Application to Image Mosaics, ACM Transactions on Graphics 2(4), 1983.
    There, a band passes from one image to the other on both sides of the seam, as widely as its pixels are coarse.
    Here nothing may change outside of the mask: each band passes as widely, but inside of it.
    """

    Config = MultibandConfig
    config: MultibandConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `Blender.blend`."""
        erosion, color = self.config.erosion, self.config.color
        both = overlay(scene, face, mask, to_crop, erosion=erosion, feather=_EDGE, color=color)
        if both is None:
            return scene.copy()
        mixed: Bands = []
        for level, (ours, theirs) in enumerate(zip(self._bands(both.face), self._bands(both.scene), strict=True)):
            step = 2**level
            fade = erode_and_feather(both.mask, erosion, _EDGE * step)
            share = fade[::step, ::step, None]  # pyrDown keeps the even pixels, too
            mixed.append(theirs + (ours - theirs) * share)
        joined = np.clip(np.rint(_joined(mixed)), 0, 255).astype(np.uint8)
        return composite(scene, joined, both.alpha, to_crop)

    def _bands(self, image: NDArray[np.float32]) -> Bands:
        """The image's Laplacian pyramid, finest first; the last is what is left, a small image."""
        bands: Bands = []
        for _ in range(self.config.levels):
            if min(image.shape[:2]) < 2 * _SMALLEST_PX:
                break
            smaller = cast(NDArray[np.float32], cv2.pyrDown(image))
            bands.append(image - _doubled(smaller, image))
            image = smaller
        return [*bands, image]


def _joined(bands: Bands) -> NDArray[np.float32]:
    image = bands[-1]
    for band in reversed(bands[:-1]):
        image = band + _doubled(image, band)
    return image


def _doubled(image: NDArray[np.float32], like: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.pyrUp(image, dstsize=like.shape[1::-1]))
