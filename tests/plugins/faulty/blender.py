"""A blender with one fault of many."""

from typing import Any

from mien import Blender
from mien.contracts.face import Affine, Mask, RgbImage

from .fault import FaultConfig, fail


class FaultyBlender(Blender):
    """The scene as it was."""

    Config = FaultConfig
    config: FaultConfig

    def blend(self, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine) -> RgbImage:
        """See `mien.Blender.blend`."""
        fault = self.config.fault
        fail(fault)
        if fault == "writes":
            mask[:] = 0
        answers: dict[str, Any] = {"shape": scene[1:], "dtype": scene / 255, "none": None, "the scene": scene}
        blended: RgbImage = answers.get(fault, scene.copy())
        return blended
