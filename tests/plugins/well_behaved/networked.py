"""A feature that has a network which says the same."""

import torch
from torch import Tensor, nn

from .feature import Feature


class Networked(Feature):
    """The crop's mean color, several times."""

    def network(self) -> nn.Module:
        """See `mien.Feature.network`."""
        return Mean(self.config.rows)


class Mean(nn.Module):
    """Mean color of images (N, 3, s, s) in [-1, 1]: (N, rows, 3) in [0, 1]."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, images: Tensor) -> Tensor:
        """The means."""
        means = (torch.mean(images, (2, 3)) + 1) / 2
        return means[:, None].expand(-1, self.rows, 3)
