"""An enhancer that draws more finely than it was given."""

import torch
from torch import Tensor

from mien import Batch, Enhancer


class Grain(Enhancer):
    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        size = 2 * images.shape[-1]
        larger = torch.nn.functional.interpolate(images, size=(size, size), mode="bilinear")
        noise = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(images.device)
        return (larger + 0.05 * noise).clamp(-1, 1)
