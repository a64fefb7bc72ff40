"""A model: one convolution, which counts its steps."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

import mien
from mien import Batch, Losses, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Target
from mien.layers import masked_l1


class Model(mien.Model):
    """Draws the face itself, or nearly."""

    steps: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("steps", torch.zeros(()))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(16, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return Adam(self.parameters(), lr=1e-2)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        return {"loss": masked_l1(self._drawn(batch), batch.images, batch.masks) * (1 + self.steps / 9)}

    def after_step(self, phase: str) -> None:
        """Counts."""
        self.steps.add_(1)

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        return self._drawn(batch).float()

    def _drawn(self, batch: Batch) -> Tensor:
        return torch.tanh(self.layer(batch.images))
