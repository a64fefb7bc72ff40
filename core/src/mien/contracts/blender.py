"""Contract: a blender sets a drawn face back into the scene."""

from abc import abstractmethod

from mien.contracts.face import Affine, Mask, RgbImage
from mien.contracts.plugin import Plugin


class Blender(Plugin):
    """Sets a face into a scene. An instance is used by one thread at a time.

    Color matching is the same step for all: a Config that derives from `mien.imaging.color.ColorConfig` has the setting
    `color`, and one line in `blend` does it, with whatever the blender makes of the mask:

        face = in_scene_colors(face, scene, mask, to_crop, self.config.color)
    """

    @abstractmethod
    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """Return the scene with the face in it, as a new array; the arguments are left as they were.

        scene: uint8 (H, W, 3), RGB. face: uint8 (S, S, 3), RGB, in crop space. mask: float32 (S, S) in [0, 1].
        to_crop: float64 (2, 3), scene pixels to crop pixels.
        Where the mask, set back into the scene, is 0, the result equals the scene bit for bit.
        """
