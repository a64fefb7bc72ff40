"""A model that keeps what it is shown."""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from mien import Batch, Losses, Model, ModelInputs, PluginConfig, Stage
from mien.contracts.target import Target, TargetKind


class WitnessConfig(PluginConfig):
    """How it wants its images."""

    side: int = 24
    """Pixels."""
    shown_whole: bool = False
    """Whether it sees what is around the face."""


class Witness(Model):
    """Draws faces as they are, and keeps every batch, by what was asked of it."""

    Config = WitnessConfig
    config: WitnessConfig
    people = (1, 1)
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"known", "synthetic"})
    seen: ClassVar[dict[str, list[Batch]]] = defaultdict(list)

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.masked = not self.config.shown_whole
        self.gain = nn.Parameter(Tensor([1.0]))

    def stages(self) -> Sequence[Stage]:
        """One, without an end."""
        return [Stage(self.config.side, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        """See `mien.Model.optimizer`."""
        return SGD(self.parameters(), lr=1e-9)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """See `mien.Model.forward`."""
        self.seen["training" if self.training else "validation"].append(batch)
        loss: Tensor = (self.gain * batch.images).square().mean()
        return {"loss": loss}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """See `mien.Model.generate`."""
        self.seen["generate"].append(batch)
        return batch.images.clone()
