"""A recognizer that goes by the cosine, with the network that it is."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien import FaceCrop, Feature
from mien.geometry.alignment import AlignmentConfig


class Projection(nn.Module):
    """Random filters, their answers pooled; unit vectors."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("filters", torch.randn(16, 3, 8, 8, generator=generator) / 14)

    def forward(self, images: Tensor) -> Tensor:
        maps = nn.functional.conv2d(images, self.filters, stride=8).relu()
        pooled = nn.functional.adaptive_avg_pool2d(maps, 4).flatten(1)
        return nn.functional.normalize(pooled, dim=1)


class Cosine(Feature):
    @property
    def shape(self) -> tuple[int, ...]:
        return (256,)

    @property
    def bounds(self) -> tuple[float, float]:
        return (-1.0, 1.0)

    alignment = AlignmentConfig(template="arcface", size=64, margin=0.0)
    same_person_below = float(np.sqrt(2 - 2 * 0.6))

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        if not crops:
            return np.zeros((0, 256), np.float32)
        images = np.stack([crop.image for crop in crops]).astype(np.float32) / 127.5 - 1
        with torch.no_grad():
            rows = [self.network()(torch.from_numpy(image)[None].permute(0, 3, 1, 2)) for image in images]
        values: NDArray[np.float32] = torch.cat(rows).numpy()
        return values

    def network(self) -> nn.Module:
        return Projection().eval().requires_grad_(False)
