"""A small model, fast, which fails on request and says which faces it saw."""

import os
from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Target


class TinyConfig(PluginConfig):
    """When it fails."""

    bad_step: int = -1
    """The step whose loss is not a number."""
    bad_rollbacks: int = 1
    """How many times it is not."""


class Tiny(Model):
    """One convolution, which learns to do nothing. Features of training batches are noted in the file $SEEN."""

    Config = TinyConfig
    config: TinyConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.net = nn.Conv2d(3, 3, 3, padding=1)
        self.calls = self.bad = 0

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(8, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        loss: Tensor = (self.net(batch.images) - batch.images).abs().mean()
        if self.training:
            if spy := os.environ.get("SEEN"):
                with open(f"{spy}.{os.environ.get('RANK', '0')}", "a") as file:
                    print(*(hash(tuple(row.tolist())) for row in batch.features), file=file)
            self.calls += 1
            if self.calls == self.config.bad_step and self.bad < self.config.bad_rollbacks:
                self.calls, self.bad = 0, self.bad + 1
                loss = loss * float("nan")
        return {"loss": loss}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        drawn: Tensor = self.net(batch.images).clamp(-1, 1).float()
        return drawn
