"""A model with one fault of many."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Target

from .fault import FaultConfig, fail
from .images import spoiled


class FaultyModel(Model):
    """Draws what it sees, times one number."""

    Config = FaultConfig
    config: FaultConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.factor = nn.Parameter(torch.ones(()))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(16, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=1e-3)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        fault = self.config.fault
        fail(fault)
        if fault == "writes":
            batch.images.mul_(0.5)
        loss = (batch.images * self.factor).square().mean()
        answers: dict[str, Any] = {
            "shape": {"loss": loss[None]},
            "type": {"loss": 1.0},
            "no loss": {"error": loss},
            "no gradient": {"loss": loss.detach()},
            "none": None,
        }
        losses: Losses = answers.get(fault, {"loss": loss})
        return losses

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        fail(self.config.fault)
        if self.config.fault == "writes":
            batch.masks.zero_()
        drawn: Tensor = spoiled((batch.images * self.factor).detach(), self.config.fault)
        return drawn
