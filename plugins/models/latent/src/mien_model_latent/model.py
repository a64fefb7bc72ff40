"""The latent model: a decoder that draws a person from features, whoever the features are from."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, cat, nn, stack
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, known
from mien.layers import (
    DecoderConfig,
    ReconstructionConfig,
    feature_decoder,
    reconstruction_losses,
    weighted_masks,
)


class LatentConfig(DecoderConfig, ReconstructionConfig):
    """Settings of the latent model; the defaults are the reference."""

    presets = {
        "small": {
            "size": 64, "bottleneck": 256, "code_channels": 256, "width": 128, "batch_size": 32, "learning_rate": 5e-4,
            "eyes": 6.0, "mouth": 3.0, "edges": 2.0, "structure": 0.2,
        }
    }  # fmt: skip

    batch_size: int = Field(default=256, ge=1)
    """Faces in a step."""
    person_code: int = Field(default=64, ge=1)
    """Length of what is learnt of each person, if there are several; the reference knows one person, and has none."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of Adam."""


class Latent(Model):
    """Learns a person, or several; another's features then drive that person's face."""

    Config = LatentConfig
    needs_features = True
    masked = True
    config: LatentConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        several = len(inputs.people) > 1
        self.codes = nn.Embedding(len(inputs.people), self.config.person_code) if several else None
        self.decoder = feature_decoder(inputs.features + (self.config.person_code if several else 0), self.config)

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over everything."""
        return Adam(self.parameters(), lr=self.config.learning_rate, fused=True)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The errors between the face and what its features give: L1, and what the settings ask for beside it."""
        weights = weighted_masks(batch.masks, batch.landmarks, self.config)
        drawn = self._drawn(batch.features, batch.people)
        losses = reconstruction_losses(drawn, batch.images, weights, self.config)
        return {"loss": stack(list(losses.values())).sum(), **(losses if len(losses) > 1 else {})}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw each person from the batch's features."""
        return self._drawn(batch.features, known(target).people).float()

    def _drawn(self, features: Tensor, people: Tensor) -> Tensor:
        inputs = features if self.codes is None else cat([features, self.codes(people)], 1)
        generated: Tensor = self.decoder(inputs)
        return generated
