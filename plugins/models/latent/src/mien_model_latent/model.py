"""The latent model: a decoder that draws one person from features, whoever the features are from."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from mien.layers import Upscale, masked_l1
from mien.model import Batch, Losses, Model, ModelInputs, Stage
from mien.plugin import PluginConfig

_CODE_SIDE = 4


class LatentConfig(PluginConfig):
    """Settings of the latent model; the defaults are the reference."""

    presets = {
        "small": {
            "size": 64, "bottleneck": 256, "code_channels": 256, "width": 128, "batch_size": 32, "learning_rate": 5e-4,
        }
    }  # fmt: skip

    size: Literal[8, 16, 32, 64, 128] = 128
    """Side of the pictures in pixels."""
    bottleneck: int = Field(default=1024, ge=1)
    """Length of the first linear layer's output."""
    code_channels: int = Field(default=1024, ge=1)
    """Channels that it is spread to, at 4×4 pixels."""
    width: int = Field(default=512, ge=1)
    """Channels after the first upscale; each further one halves them."""
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
        self.decoder = _decoder(self.config, inputs.features)

    @property
    def size(self) -> int:
        """Side of the drawn pictures in pixels."""
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
        drawn: Tensor = self.decoder(batch.features)
        return drawn.float()


def _decoder(config: LatentConfig, features: int) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Linear(features, config.bottleneck),
        nn.Linear(config.bottleneck, config.code_channels * _CODE_SIDE**2),
        nn.Unflatten(1, (config.code_channels, _CODE_SIDE, _CODE_SIDE)),
    ]
    channels = config.code_channels
    for level in range(int(math.log2(config.size // _CODE_SIDE))):
        narrower = max(config.width // 2**level, 1)
        layers.append(Upscale(channels, narrower))
        channels = narrower
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 5, padding=2), nn.Tanh())
