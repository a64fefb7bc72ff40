"""Pixelation: a head under a few blocks of one color each."""

from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.model import Batch, Generated
from mien.contracts.target import Target
from mien.layers import RedactionConfig, RedactionModel, cell_means


class BlocksConfig(RedactionConfig):
    """How coarse the blocks are, and what they cover."""

    count: int = Field(default=8, ge=1, le=12)
    """So many blocks stand side by side over the whole head. The face itself, from ear to ear, then has about half as
    many: far fewer than the 12×14 pixels from which people were found to know familiar faces (P. Sinha et al., "Face
    recognition by humans", Proceedings of the IEEE 94, 2006)."""


class Blocks(RedactionModel):
    """The mean color of each block, and nothing else of the head."""

    Config = BlocksConfig
    config: BlocksConfig
    blender = "feather:erosion=0,feather=0,color=none"

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        """See `mien.Model.generate`. Whom the target names changes nothing: nobody is drawn."""
        means = cell_means(batch.images, self.config.count)
        blocks = interpolate(means, size=(batch.size, batch.size), mode="nearest")
        return Generated(blocks, self.masks(batch))
