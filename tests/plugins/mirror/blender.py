"""A blender that fails when it is told to."""

from mien import Blender, PluginConfig
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite
from mien.geometry.masks import erode_and_feather


class PasteConfig(PluginConfig):
    """Whether it fails."""

    breaks: bool = False
    """Fail at every face."""


class Paste(Blender):
    """The face with a soft edge."""

    Config = PasteConfig
    config: PasteConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        if self.config.breaks:
            raise ArithmeticError("out of paste")
        return composite(scene, face, erode_and_feather(mask, 0.1, 0.1), to_crop)
