"""A model whose people say what it draws."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Known, Target


class MirrorConfig(PluginConfig):
    """How large it draws."""

    size: int = 64
    """Side of the images."""


class Mirror(Model):
    """Draws its first person as the face is, the second all green, and the third as what is no number."""

    Config = MirrorConfig
    config: MirrorConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(self.config.size, 1)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        return {"loss": self.weight.sum()}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        green = torch.tensor([-1.0, 1.0, -1.0])[:, None, None].expand_as(batch.images)
        drawn = torch.stack([batch.images * self.weight, green, batch.images * float("nan")])
        return drawn[cast(Known, target).people, torch.arange(len(batch))]


class Echo(Mirror):
    """The same of two frames before and one after, in their mean."""

    window = (2, 1)

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        around = cast(Batch, batch.around)
        return (
            super().generate(batch, target) / 2
            + around.images.reshape(len(batch), -1, *batch.images.shape[1:]).mean(1) / 2
        )
