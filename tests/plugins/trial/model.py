"""A model that draws the face the other way round and darker."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Target


class Flip(Model):
    """The face itself, flipped."""

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(128, 1)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        return {"loss": self.weight.sum()}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        return (batch.images.flip(3) * self.weight - 0.1).clamp_min(-1)
