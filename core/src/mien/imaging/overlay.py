"""A face and what it covers, both in the crop's space and both whole, for blenders that mix them there.

Mixed there, a face costs the same however large the scene is, and none is cut off by a region's border. What comes of
it goes back by `mien.geometry.compositing.composite`, which keeps the scene bit for bit where the mask is 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.affine import share_in_scene, warp
from mien.geometry.masks import erode_and_feather
from mien.imaging.color import ColorMatching, in_scene_colors
from mien.imaging.inpaint import filled

_CERTAIN = 0.99
"""A pixel counts where the mask is at least that: what crops hold at the mask's edge is mixed with black."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a blender mixes in crop space. Neither image has black in it that is no image."""

    face: NDArray[np.float32]
    """float32 (S, S, 3), RGB in [0, 255]: the face in the scene's colors, continued smoothly beyond its mask."""
    scene: NDArray[np.float32]
    """float32 (S, S, 3), RGB in [0, 255]: what it covers, continued smoothly beyond the scene's border."""
    mask: Mask
    """The face's mask, and all that lies beyond the scene's border: there nothing has to be joined."""
    alpha: Mask
    """float32 (S, S): how much of the mixture is to be seen."""


def overlay(
    scene: RgbImage,
    face: RgbImage,
    mask: Mask,
    to_crop: Affine,
    *,
    erosion: float,
    feather: float,
    color: ColorMatching,
) -> Overlay | None:
    """Bring face and scene together; None if nothing of the face will be seen.

    scene, face, mask, to_crop: what `Blender.blend` is given. erosion, feather: of `alpha`, as `erode_and_feather`
    takes them. color: the setting of a `ColorConfig`.
    """
    size = mask.shape[0]
    in_scene = share_in_scene(to_crop, size, scene.shape)
    whole = np.maximum(mask, 1 - in_scene)
    alpha = erode_and_feather(whole, erosion, feather) * mask
    if not (alpha * in_scene).any():
        return None
    colored = in_scene_colors(face, scene, alpha, to_crop, color)
    covered = warp(scene, to_crop, (size, size), cubic=True)
    return Overlay(
        face=filled(colored.astype(np.float32), mask >= _CERTAIN),
        scene=filled(covered.astype(np.float32), in_scene >= _CERTAIN),
        mask=whole,
        alpha=alpha,
    )
