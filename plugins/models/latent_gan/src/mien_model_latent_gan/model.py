"""The latent GAN: the latent model's decoder, which also has to pass for real before a discriminator."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from mien.contracts.model import Batch, Losses, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target
from mien.layers import (
    AdversarialConfig,
    AdversarialModel,
    DcganDiscriminator,
    DecoderConfig,
    adversarial_bce,
    feature_decoder,
    masked_l1,
)


class LatentGanConfig(DecoderConfig, AdversarialConfig):
    """Settings of the latent GAN; the defaults are the reference, but for the average."""

    presets = {
        "small": {
            "size": 64, "bottleneck": 256, "code_channels": 256, "width": 128, "discriminator_width": 32,
            "batch_size": 32, "learning_rate": 5e-4, "discriminator_rate": 1e-4, "l1_share": 0.98,
            "average_decay": 0.99,
        }
    }  # fmt: skip

    discriminator_width: int = Field(default=64, ge=1)
    """Channels of the discriminator's first convolution; they double to eight times as many at most."""
    l1_share: float = Field(default=0.5, ge=0, le=1)
    """α in α·L1 + (1 − α)·BCE, the generator's loss."""
    batch_size: int = Field(default=64, ge=1)
    """Faces in a step."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of the decoder's Adam."""
    discriminator_rate: float = Field(default=5e-5, gt=0)
    """Of the discriminator's Adam."""


class LatentGan(AdversarialModel):
    """Learns one person, with finer detail than an L1 error asks for; another's features then drive that face."""

    Config = LatentGanConfig
    people = (1, 1)
    masked = True
    needs_features = True
    config: LatentGanConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.set_networks(
            feature_decoder(inputs.features, self.config),
            DcganDiscriminator(self.config.size, self.config.discriminator_width),
        )

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy on real and on drawn faces, half each."""
        with torch.no_grad():
            generated = self._drawn(batch)
        real, fake = (
            adversarial_bce(self.discriminator(batch.images), True),
            adversarial_bce(self.discriminator(generated), False),
        )
        return {"loss": (real + fake) / 2, "real": real, "fake": fake}

    def generator_losses(self, batch: Batch) -> Losses:
        """α·L1 + (1 − α)·BCE."""
        generated = self._drawn(batch)
        l1 = masked_l1(generated, batch.images, batch.masks)
        passed = adversarial_bce(self.discriminator(generated), True)
        share = self.config.l1_share
        return {"loss": share * l1 + (1 - share) * passed, "l1": l1, "passed": passed}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw the person from the batch's features."""
        generated: Tensor = self.ema_generator(batch.features)
        return generated.float()

    def _drawn(self, batch: Batch) -> Tensor:
        # Black around the face, as real ones are: the discriminator would look at nothing else.
        generated: Tensor = self.generator(batch.features)
        return (generated + 1) * batch.masks - 1
