"""Contract: an enhancer works on drawn faces before they are set into the scene."""

from abc import abstractmethod

from torch import Tensor

from mien.contracts.model import Batch, Generated
from mien.contracts.plugin import Plugin


class Enhancer(Plugin):
    """Changes what a model has drawn: detail, grain, light. Several are joined with `+`, in that order."""

    @abstractmethod
    def enhance(self, images: Tensor, batch: Batch) -> Tensor | Generated:
        """What the drawn faces become: float32 (N, 3, U, U) in [-1, 1], RGB, or `Generated` with masks of its own.

        images: float32 (N, 3, T, T) in [-1, 1], what the model, or the enhancer before, has drawn. batch: the faces
        that they were drawn from, whole, at the side of the run's crops. U is any side, the area is that of the crop.
        Both are left as they were; a face's image does not depend on the other rows, and the same arguments give the
        same images.
        """
