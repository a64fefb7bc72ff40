"""Blenders that do well, badly, nothing, or fail."""

from mien import Blender, PluginConfig
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite
from mien.geometry.masks import erode_and_feather
from mien.imaging.color import ColorConfig, in_scene_colors


class Soft(Blender):
    """A wide edge, in the scene's colors."""

    Config = ColorConfig
    config: ColorConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        face = in_scene_colors(face, scene, mask, to_crop, self.config.color)
        return composite(scene, face, erode_and_feather(mask, 0.15, 0.1), to_crop)


class Hard(Blender):
    """No edge."""

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        return composite(scene, face, erode_and_feather(mask, 0.05, 0.0), to_crop)


class Nothing(Blender):
    """The scene as it was."""

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        return scene.copy()


class Unmakeable(Nothing):
    """Fails when it is made."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        raise RuntimeError("no glue")


class Failing(Blender):
    """Fails at every face."""

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        raise ArithmeticError("out of paste")
