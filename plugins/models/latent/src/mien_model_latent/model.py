"""The latent model: a decoder that draws one person from features, whoever the features are from."""

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.layers import DecoderConfig, feature_decoder, masked_l1


class LatentConfig(DecoderConfig):
    """Settings of the latent model; the defaults are the reference."""

    presets = {
        "small": {
            "size": 64, "bottleneck": 256, "code_channels": 256, "width": 128, "batch_size": 32, "learning_rate": 5e-4,
        }
    }  # fmt: skip

    batch_size: int = Field(default=256, ge=1)
    """Faces in a step."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of Adam."""


class Latent(Model):
    """Learns one person; another's features then drive that person's face."""

    Config = LatentConfig
    people = (1, 1)
    needs_features = True
    config: LatentConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.decoder = feature_decoder(inputs.features, self.config)

    @property
    def size(self) -> int:
        """Side of the drawn images in pixels."""
        return self.config.size

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over everything."""
        return Adam(self.parameters(), lr=self.config.learning_rate, fused=True)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """L1 between the face and what its features give."""
        return {"loss": masked_l1(self.decoder(batch.features), batch.images, batch.masks)}

    def generate(self, batch: Batch, identity: str | None) -> Tensor:
        """Draw the person from the batch's features."""
        if identity is not None:
            self.identity_index(identity)
        generated: Tensor = self.decoder(batch.features)
        return generated.float()
