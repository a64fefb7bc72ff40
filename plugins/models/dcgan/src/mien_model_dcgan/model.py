"""DCGAN: faces of people who do not exist, from noise alone."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from mien.contracts.model import Batch, Losses, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, synthetic
from mien.layers import (
    AdversarialModel,
    DcganDiscriminator,
    InstanceNoiseConfig,
    adversarial_bce,
    dcgan_generator,
    latents_of,
    noise_stages,
    with_instance_noise,
)


class DcganConfig(InstanceNoiseConfig):
    """Settings of DCGAN; the defaults are the reference, but for the average."""

    presets = {"small": {"width": 32, "noise_epochs": 2.0, "batch_size": 32}}

    latent: int = Field(default=100, ge=1)
    """Length of the random vector."""
    width: int = Field(default=64, ge=1)
    """Channels next to the image, in both networks; they double to eight times as many."""


class Dcgan(AdversarialModel):
    """Draws people who do not exist, in poses of its own."""

    Config = DcganConfig
    targets = frozenset({"synthetic"})
    masked = True
    config: DcganConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        size, width = self.config.size, self.config.width
        self.set_networks(dcgan_generator(self.config.latent, size, width), DcganDiscriminator(size, width))

    def stages(self) -> Sequence[Stage]:
        """A stage for each strength of the instance noise."""
        return noise_stages(self.config, self.inputs)

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy on real and on drawn faces."""
        with torch.no_grad():
            generated = self.generator(self._noise(batch))
        real, fake = self._judged(batch.images, batch, True), self._judged(generated, batch, False)
        return {"loss": real + fake, "real": real, "fake": fake}

    def generator_losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy between the verdict on drawn faces and "real"."""
        return {"loss": self._judged(self.generator(self._noise(batch)), batch, True)}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw a synthetic person for each face; nothing of the face itself is looked at."""
        generated: Tensor = self.ema_generator(latents_of(synthetic(target), self.config.latent))
        return generated.float()

    def _noise(self, batch: Batch) -> Tensor:
        return torch.randn(len(batch), self.config.latent, device=batch.images.device)

    def _judged(self, images: Tensor, batch: Batch, real: bool) -> Tensor:
        return adversarial_bce(self.discriminator(with_instance_noise(images, self.config, batch.stage)), real)
