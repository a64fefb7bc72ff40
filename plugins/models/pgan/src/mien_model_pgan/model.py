"""The progressive GAN: faces of people who do not exist, from noise alone, by networks that grow with the images."""

import torch
from torch import Tensor

from mien.contracts.model import Batch, Losses, ModelInputs
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, synthetic
from mien.layers import CriticInput, GrowingConfig, GrowingDiscriminator, GrowingGenerator, GrowingModel, latents_of


class PganConfig(GrowingConfig):
    """Settings of the progressive GAN; the defaults are the reference."""

    presets = {
        "small": {
            "size": 64, "latent": 64, "maps": 1024, "maps_most": 64, "learning_rate": 3e-3, "discriminator_rate": 3e-3,
            "average_decay": 0.99, "epochs_fade": 2.0, "epochs_stable": 2.0, "batch_sizes": (32, 32, 32, 32, 16),
        }
    }  # fmt: skip


class Pgan(GrowingModel):
    """Draws people who do not exist, in poses of its own."""

    Config = PganConfig
    config: PganConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.set_networks(GrowingGenerator(self.config.latent, self.widths), GrowingDiscriminator(self.widths))

    def discriminator_losses(self, batch: Batch) -> Losses:
        """WGAN-GP on real and on drawn faces."""
        level, fade = self.growth(batch)
        with torch.no_grad():
            fakes = self.generator(self._noise(batch), level=level, fade=fade)
        return self.critic_loss(CriticInput(batch.images), CriticInput(fakes), level, fade)

    def generator_losses(self, batch: Batch) -> Losses:
        """Minus the verdict on drawn faces."""
        level, fade = self.growth(batch)
        generated = self.generator(self._noise(batch), level=level, fade=fade)
        return {"loss": -self.discriminator(generated, level=level, fade=fade).mean()}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw a synthetic person for each face; nothing of the face itself is looked at."""
        return self.generated(latents_of(synthetic(target), self.config.latent))

    def _noise(self, batch: Batch) -> Tensor:
        return torch.randn(len(batch), self.config.latent, device=batch.images.device)
