"""A face set into the scene with a soft edge."""

from typing import Literal

from pydantic import Field

from mien.contracts.blender import Blender
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite, share_in_scene
from mien.geometry.masks import erode_and_feather
from mien.imaging.color import ColorConfig, in_scene_colors, sharpen, soften

_REFERENCE_SIZE = 128
"""The crop's side for which the widths of the Gaussians are given."""


class FeatherConfig(ColorConfig):
    """How the edge is made soft, and what is done to the face before."""

    erosion: float = Field(default=0.1, ge=0.0, le=1.0)
    """Width of the kernel that the mask is eroded with, as a share of the crop's side. 0.1 takes back what alignment
    dilates the landmarks' hull by."""
    feather: float = Field(default=0.1, ge=0.0, le=1.0)
    """Width, inside the eroded mask, over which the face fades in, as a share of the crop's side."""
    feather_top: float = Field(default=0.04, ge=0.0, le=1.0)
    """The same at the forehead, and around what stands in front of the face. Wide, it would show the brows of the face
    that is covered through those of the new one."""
    detail: Literal["keep", "sharpen", "soften"] = "keep"
    """sharpen: an unsharp mask on the lightness. soften: a Gaussian on it, for a scene that is blurred itself."""
    sharpen_sigma_px: float = Field(default=5.0, gt=0.0)
    """Width of the unsharp mask's Gaussian, for a crop of 128 px."""
    sharpen_amount: float = Field(default=0.5, ge=0.0)
    """How much of what the Gaussian takes away is added."""
    soften_sigma_px: float = Field(default=1.5, gt=0.0)
    """Width of the softening Gaussian, for a crop of 128 px."""


class Feather(Blender):
    """The face over the scene by an eroded mask that fades inwards (FaceReconstructor of the reference study)."""

    Config = FeatherConfig
    config: FeatherConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `Blender.blend`."""
        size = mask.shape[0]
        in_scene = share_in_scene(to_crop, size, scene.shape)
        widths = self.config.erosion, self.config.feather
        alpha = erode_and_feather(mask, *widths, in_scene, feather_top=min(self.config.feather_top, widths[1]))
        face = in_scene_colors(face, scene, alpha, to_crop, self.config.color)
        unit_px = size / _REFERENCE_SIZE
        if self.config.detail == "sharpen":
            face = sharpen(face, mask, self.config.sharpen_sigma_px * unit_px, self.config.sharpen_amount)
        elif self.config.detail == "soften":
            face = soften(face, mask, self.config.soften_sigma_px * unit_px)
        return composite(scene, face, alpha, to_crop)
