"""An enhancer with one fault of many."""

from torch import Tensor

from mien import Batch, Enhancer

from .fault import FaultConfig, fail
from .images import spoiled


class FaultyEnhancer(Enhancer):
    """The images as they were."""

    Config = FaultConfig
    config: FaultConfig

    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        """See `mien.Enhancer.enhance`."""
        fail(self.config.fault)
        if self.config.fault == "writes":
            images.zero_()
        enhanced: Tensor = spoiled(images, self.config.fault)
        return enhanced
