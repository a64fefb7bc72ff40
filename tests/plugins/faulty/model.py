"""A model with one fault of many."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Given, Target

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
        """One, without an end, or what is none."""
        if self.config.fault == "stages raise":
            raise ArithmeticError("one too many")
        answers: dict[str, Any] = {
            "stages none": None,
            "a stage alone": Stage(16, 4),
            "stage of text": ["16"],
            "stage of 1 px": [Stage(1, 4)],
            "stage of 2048 px": [Stage(2048, 4)],
            "no faces": [Stage(16, 0)],
            "no steps": [Stage(16, 4, steps=0)],
            "no end": [Stage(8, 4), Stage(16, 4)],
        }
        stages: Sequence[Stage] = answers.get(self.config.fault, [Stage(16, 4)])
        return stages

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        if self.config.fault == "optimizer raises":
            raise ArithmeticError("one too many")
        none: Any = None
        return none if self.config.fault == "optimizer none" else SGD(self.parameters(), lr=1e-3)

    def after_step(self, phase: str) -> None:
        """See `mien.Model.after_step`."""
        if self.config.fault == "after_step raises":
            raise ArithmeticError("one too many")

    def prepare(self, given: Given, done: Callable[[], object]) -> None:
        """See `mien.Model.prepare`."""
        if self.config.fault == "prepare raises":
            raise ArithmeticError("one too many")

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
