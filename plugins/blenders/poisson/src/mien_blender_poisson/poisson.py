"""A face set into the scene by its gradients: seamless cloning."""

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.blender import Blender
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite
from mien.geometry.masks import depth_inside, erode_and_feather
from mien.imaging.color import ColorConfig
from mien.imaging.inpaint import filled
from mien.imaging.overlay import Overlay, overlay

# The wide modes place the source by its own centre, and not by that of the mask's bounding rectangle, whose rounding
# would shift the face by a pixel.
_FLAGS = {"normal": cv2.NORMAL_CLONE_WIDE, "mixed": cv2.MIXED_CLONE_WIDE}
_ERODED_PX = 3
"""OpenCV takes the face's gradients within a mask that it erodes by so much (and fails if nothing is left of it)."""
_PADDING_PX = _ERODED_PX + 1
"""It leaves out a pixel along the border of the image as well."""
_EDGE = 0.03
"""Width over which the cloned face passes into the scene, as a share of the crop's side. Both have the same colors
there, but the scene may be sharper."""


class PoissonConfig(ColorConfig):
    """What is cloned, and from where on."""

    mode: Literal["normal", "mixed"] = "normal"
    """normal: the face's gradients alone. mixed: at each pixel the stronger of the face's and the scene's, so that
    hair, glasses and wrinkles of the scene show through, and with them some of the person who is covered."""
    erosion: float = Field(default=0.2, ge=0.0, le=1.0)
    """Width of the kernel that the mask is eroded with, as a share of the crop's side. 0.1 takes back what alignment
    dilates the landmarks' hull by. All colors of the face follow from those along the edge, so the edge is better off
    within the face than on its outline."""
    reach: float = Field(default=0.2, gt=0.0)
    """How far into the face the colors along the edge are followed, as a share of the crop's side: there, what they ask
    for has fallen to 1/e. Deep inside, the face then has the colors that `color` gives it, which are steadier from
    frame to frame. With color=none or mode=mixed they are followed all the way."""


class Poisson(Blender):
    """Gradients of the face, colors of the scene along the mask's edge, by OpenCV's seamlessClone.

    Pérez, Gangnet & Blake, Poisson Image Editing, SIGGRAPH 2003. OpenCV joins face and scene along a rectangle about
    the mask, and changes the scene up to there. What is then wrong at the mask's own edge is taken away by a membrane
    over the mask; it is harmonic, so what was solved inside stays solved. What the edge asks for fades inwards, as in
    Bhat et al., Fourier Analysis of the 2D Screened Poisson Equation, ECCV 2008: followed all the way, each frame's
    edge would color the whole face, and it would flicker.
    """

    Config = PoissonConfig
    config: PoissonConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `Blender.blend`."""
        erosion, color = self.config.erosion, self.config.color
        both = overlay(scene, face, mask, to_crop, erosion=erosion, feather=_EDGE, color=color)
        if both is None:
            return scene.copy()
        return composite(scene, self._cloned(both), both.alpha, to_crop)

    def _cloned(self, both: Overlay) -> RgbImage:
        """The face within its surroundings, whose colors it has all along the mask's edge: uint8 (S, S, 3)."""
        inside = (erode_and_feather(both.mask, self.config.erosion, _EDGE) > 0).astype(np.uint8)
        source, target = (_padded(_levels(image), cv2.BORDER_REPLICATE) for image in (both.face, both.scene))
        within = _padded(inside, cv2.BORDER_CONSTANT)
        given = cv2.dilate(within * 255, np.ones((3, 3), np.uint8), iterations=_ERODED_PX)
        middle = target.shape[0] // 2
        cloned = cv2.seamlessClone(source, target, given, (middle, middle), flags=_FLAGS[self.config.mode])
        joined = cloned + filled(target.astype(np.float32) - cloned, within == 0)
        joined = joined[_PADDING_PX:-_PADDING_PX, _PADDING_PX:-_PADDING_PX]
        if self.config.color != "none" and self.config.mode == "normal":
            asked = np.exp(-depth_inside(inside > 0) / (self.config.reach * len(inside))).astype(np.float32)
            joined = both.face + (joined - both.face) * asked[..., None]
        return _levels(joined)


def _levels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _padded(image: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
    width = _PADDING_PX
    return cast(NDArray[np.uint8], cv2.copyMakeBorder(image, width, width, width, width, border))
