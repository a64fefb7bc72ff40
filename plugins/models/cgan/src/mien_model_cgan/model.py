"""The conditional GAN: faces of people who do not exist, posed as features say."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mien.contracts.model import Batch, Losses, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, synthetic
from mien.layers import (
    AdversarialModel,
    DcganDiscriminator,
    FeatureDistribution,
    InstanceNoiseConfig,
    StandardizedFeatures,
    adversarial_bce,
    dcgan_generator,
    latents_of,
    masked_l1,
    noise_stages,
    synthetic_rows,
    with_instance_noise,
)


class CganConfig(InstanceNoiseConfig):
    """Settings of the conditional GAN. The defaults stay stable with many features; the study's are a preset."""

    presets = {
        "reference": {
            "standardize": False, "condition": "channels", "normalization": "batch", "drawn_from": "distribution",
            "average_decay": 0.0,
        },
        "small": {"width": 32, "noise_epochs": 2.0, "batch_size": 32},
    }  # fmt: skip

    latent: int = Field(default=100, ge=1)
    """Length of the random vector beside the features: who the person is."""
    width: int = Field(default=64, ge=1)
    """Channels next to the image, in both networks; they double to eight times as many."""
    standardize: bool = True
    """Bring features to principal components of variance 1 before the networks see them; the reference does not."""
    components: int = Field(default=64, ge=1)
    """Principal components at most."""
    condition: Literal["projection", "channels"] = "projection"
    """How the discriminator sees the features: compared with what it saw, or as channels after its first layer."""
    normalization: Literal["spectral", "batch"] = "spectral"
    """Of the discriminator's layers."""
    drawn_from: Literal["faces", "distribution"] = "faces"
    """Where the features of drawn faces come from: other faces of the batch, or, as in the reference, the normal
    distribution of the training faces' features."""


class Cgan(AdversarialModel):
    """Draws people who do not exist, with the pose and expression that the features tell."""

    Config = CganConfig
    needs_features = True
    targets = frozenset({"synthetic"})
    masked = True
    config: CganConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings = self.config
        self.distribution = FeatureDistribution(inputs)
        self.standardized = StandardizedFeatures(inputs, settings.components) if settings.standardize else None
        length = self.standardized.length if self.standardized else inputs.features
        self.set_networks(
            dcgan_generator(settings.latent + length, settings.size, settings.width),
            DcganDiscriminator(
                settings.size,
                settings.width,
                length=length,
                conditioning=settings.condition,
                normalization=settings.normalization,
            ),
        )

    def stages(self) -> Sequence[Stage]:
        """A stage for each strength of the instance noise."""
        return noise_stages(self.config, self.inputs)

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy: real faces with their features are real; drawn faces, and real ones with features that
        are not theirs, are not, and count half each (Reed et al. 2016, arXiv:1605.05396)."""
        own, drawn_conditions = self._conditions(batch.features), self._drawn_conditions(batch)
        with torch.no_grad():
            generated = self.generator(self._inputs(drawn_conditions))
        real = self._judged(batch.images, own, batch, True)
        fake = self._judged(generated, drawn_conditions, batch, False)
        mismatched = self._judged(batch.images, drawn_conditions, batch, False)
        return {"loss": real + (fake + mismatched) / 2, "real": real, "fake": fake, "mismatched": mismatched}

    def generator_losses(self, batch: Batch) -> Losses:
        """Binary cross-entropy between the verdict on drawn faces and "real". In validation also the L1 error of faces
        drawn from the held-out faces' own features: no aim of training, but it tells whether they are followed."""
        conditions = self._drawn_conditions(batch)
        losses = {"loss": self._judged(self.generator(self._inputs(conditions)), conditions, batch, True)}
        if not self.training:
            someone = synthetic_rows(len(batch), batch.images.device)
            losses["l1"] = masked_l1(self.generate(batch, someone), batch.images, batch.masks)
        return losses

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw a synthetic person for each face, as its features say."""
        latents = latents_of(synthetic(target), self.config.latent)
        generated: Tensor = self.ema_generator(torch.cat([latents, self._conditions(batch.features)], 1))
        return generated.float()

    def _conditions(self, features: Tensor) -> Tensor:
        standardized: Tensor = self.standardized(features) if self.standardized else features
        return standardized

    def _drawn_conditions(self, batch: Batch) -> Tensor:
        if self.config.drawn_from == "faces":
            return self._conditions(batch.features[torch.randperm(len(batch), device=batch.features.device)])
        return self._conditions(self.distribution.draw(len(batch)))

    def _inputs(self, conditions: Tensor) -> Tensor:
        noise = torch.randn(len(conditions), self.config.latent, device=conditions.device)
        return torch.cat([noise, conditions], 1)

    def _judged(self, images: Tensor, conditions: Tensor, batch: Batch, real: bool) -> Tensor:
        shown = with_instance_noise(images, self.config, batch.stage)
        return adversarial_bce(self.discriminator(shown, conditions), real)
