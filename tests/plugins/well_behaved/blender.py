"""A blender: the face over the scene."""

import mien
from mien.contracts.face import Affine, Mask, RgbImage
from mien.geometry.alignment import composite


class Blender(mien.Blender):
    """No color is matched and no edge is softened."""

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        share = mask
        result = composite(scene, face, share, to_crop)
        return result
