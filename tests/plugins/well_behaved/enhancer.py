"""An enhancer: half the contrast."""

from torch import Tensor

import mien
from mien import Batch


class Enhancer(mien.Enhancer):
    """Takes every color half the way to gray."""

    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        """See `mien.Enhancer.enhance`."""
        enhanced = images * 0.5
        return enhanced
