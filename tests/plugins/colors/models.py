"""Models that draw what they see, or a color."""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Synthetic, Target, TargetKind

BRIGHT = -0.7
"""Nothing in an image is darker, in [-1, 1]."""


class Mirror(Model):
    """Draws what it sees, and says that this is somebody who does not exist."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"synthetic"})

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.weight = nn.Parameter(torch.ones(1))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(64, 2)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        return {"loss": (batch.images * self.weight).abs().mean()}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        return batch.images


class OfKnown(Mirror):
    """The same for people it was trained on."""

    targets = frozenset({"known"})


class Colors(Mirror):
    """All the face in the one of 360 hues that the number of its person says."""

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        hue = (cast(Synthetic, target).ids % 360) / 60
        away = torch.stack([(hue - 3).abs() - 1, 2 - (hue - 2).abs(), 2 - (hue - 4).abs()], 1)
        return (away.clamp(0, 1) * 2 - 1)[:, :, None, None].float().expand_as(batch.images)


class Fickle(Colors):
    """The same, but in bright light people with an even number look as whoever is there."""

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        is_even = cast(Synthetic, target).ids % 2 == 0
        shows = is_even & (batch.images.amin((1, 2, 3)) > BRIGHT)
        return torch.where(shows[:, None, None, None], batch.images, super().generate(batch, target))


class Green(Mirror):
    """All the face green."""

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        return torch.tensor([-1.0, 1.0, -1.0])[:, None, None].expand_as(batch.images)
