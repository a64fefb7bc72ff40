"""A head under a blur."""

from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.model import Batch, Generated
from mien.contracts.target import Target
from mien.layers import RedactionConfig, RedactionModel, cell_means


class BlurConfig(RedactionConfig):
    """How strong the blur is, and what it covers."""

    count: int = Field(default=6, ge=2, le=8)
    """Of the whole head so many colors side by side are kept, and drawn as a smooth surface. A Gaussian blur alone can
    be undone in part, since it weakens fine detail and does not remove it; of what lies between these colors nothing
    is there to be restored."""


class Blur(RedactionModel):
    """The mean colors of a few cells, smoothly joined."""

    Config = BlurConfig
    config: BlurConfig
    blender = "feather:erosion=0,feather=0,color=none"

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        """See `mien.Model.generate`. Whom the target names changes nothing: nobody is drawn."""
        means = cell_means(batch.images, self.config.count)
        # Twice as fine first: the creases of the first bilinear step are blurred by the second.
        finer = interpolate(means, scale_factor=2, mode="bilinear")
        smooth = interpolate(finer, size=(batch.size, batch.size), mode="bilinear")
        return Generated(smooth, self.masks(batch))
