"""A recognizer that goes by the cosine, with the network that it is."""

import numpy as np
import torch
from torch import nn

from mien import Feature
from mien.geometry.alignment import AlignmentConfig


class Projection(nn.Module):
    """Random filters, their answers pooled; unit vectors."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("filters", torch.randn(16, 3, 8, 8, generator=generator) / 14)

    def forward(self, images):
        maps = nn.functional.conv2d(images, self.filters, stride=8).relu()
        pooled = nn.functional.adaptive_avg_pool2d(maps, 4).flatten(1)
        return nn.functional.normalize(pooled, dim=1)


class Cosine(Feature):
    shape = (256,)
    bounds = (-1.0, 1.0)
    alignment = AlignmentConfig(template="arcface", size=64, margin=0.0)
    same_person_below = float(np.sqrt(2 - 2 * 0.6))

    def compute(self, crops):
        if not crops:
            return np.zeros((0, 256), np.float32)
        images = np.stack([crop.image for crop in crops]).astype(np.float32) / 127.5 - 1
        with torch.no_grad():
            rows = [self.network()(torch.from_numpy(image)[None].permute(0, 3, 1, 2)) for image in images]
        return torch.cat(rows).numpy()

    def network(self):
        return Projection().eval().requires_grad_(False)
