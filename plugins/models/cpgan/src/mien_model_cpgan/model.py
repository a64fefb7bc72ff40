"""The conditional progressive GAN: faces of people who do not exist, posed as features say, by growing networks."""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from mien.contracts.model import Batch, Losses, ModelInputs
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, synthetic
from mien.errors import MienError
from mien.layers import (
    CriticInput,
    FeatureDistribution,
    GrowingConfig,
    GrowingDiscriminator,
    GrowingGenerator,
    GrowingModel,
    StandardizedFeatures,
    faded,
    latents_of,
    masked_l1,
    synthetic_rows,
)


class CpganConfig(GrowingConfig):
    """Settings of the conditional progressive GAN. The study's are `preset=reference`."""

    presets = {
        "reference": {
            "standardize": False, "condition": "channels", "joint_penalty": False, "drawn_from": "distribution",
            "average_decay": 0.0,
        },
        "small": {
            "size": 32, "latent": 128, "maps": 1024, "maps_most": 64, "learning_rate": 3e-3, "discriminator_rate": 3e-3,
            "average_decay": 0.99, "epochs_fade": 2.0, "epochs_stable": 2.0, "batch_sizes": (32, 32, 32, 32, 16),
            "reconstruction": 3.0,
        },
    }  # fmt: skip

    standardize: bool = True
    """Bring features to principal components of variance 1 before the networks see them; the reference does not."""
    components: int = Field(default=64, ge=1)
    """Principal components at most."""
    condition: Literal["projection", "channels"] = "projection"
    """How the discriminator sees the features: compared with what it saw, or as further channels of its image."""
    joint_penalty: bool = True
    """Bound the slope of the verdict along the features, too. Without it, as in the reference, whether features fit a
    face can count for ever more, and the image for ever less."""
    drawn_from: Literal["faces", "distribution"] = "faces"
    """Where the features of drawn faces come from: other faces of the batch, or, as in the reference, the normal
    distribution of the training faces' features."""
    reconstruction: float = Field(default=0.0, ge=0)
    """Weight of the L1 error of faces drawn from their own features as their own person. At 1 it pulls at an image as
    strongly as the discriminator does at any resolution; the reference has none."""


class Cpgan(GrowingModel):
    """Draws people who do not exist, with the pose and expression that the features tell."""

    Config = CpganConfig
    needs_features = True
    config: CpganConfig
    known: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings = self.config
        self.distribution = FeatureDistribution(inputs)
        self.standardized = StandardizedFeatures(inputs, settings.components) if settings.standardize else None
        length = self.standardized.length if self.standardized else inputs.features
        self._random = settings.latent - length
        if self._random < 1:
            raise MienError(
                f"latent = {settings.latent} has to hold the {length} features and a random vector beside them.",
                f"cpgan:latent={max(512, 2 * length)}, or cpgan:standardize=true,components={settings.latent // 2}",
            )
        self.set_networks(
            GrowingGenerator(settings.latent, self.widths),
            GrowingDiscriminator(self.widths, length=length, conditioning=settings.condition),
        )
        self.register_buffer("known", torch.randn(len(inputs.people), self._random))

    def discriminator_losses(self, batch: Batch) -> Losses:
        """WGAN-GP: real faces with their features against drawn faces, and against real ones whose features are not
        theirs (Reed et al. 2016, arXiv:1605.05396), which count half each."""
        level, fade = self.growth(batch)
        own, drawn_conditions = self._conditions(batch.features), self._drawn_conditions(batch)
        with torch.no_grad():
            generated = self.generator(self._vectors(drawn_conditions), level=level, fade=fade)
        real, fake = CriticInput(batch.images, own), CriticInput(generated, drawn_conditions)
        return self.critic_loss(real, fake, level, fade, mismatched=drawn_conditions, joint=self.config.joint_penalty)

    def generator_losses(self, batch: Batch) -> Losses:
        """Minus the verdict on drawn faces, and the error of reconstructed ones. In validation also the L1 error of
        synthetic people drawn from the held-out faces' features: no aim of training, but it tells whether they are
        followed.
        """
        level, fade = self.growth(batch)
        conditions = self._drawn_conditions(batch)
        generated = self.generator(self._vectors(conditions), level=level, fade=fade)
        losses = {"loss": -self.discriminator(generated, conditions, level=level, fade=fade).mean()}
        own, wanted = self._conditions(batch.features), faded(batch.images, fade)
        if self.config.reconstruction:
            vectors = torch.cat([self.known[batch.people], own], 1)
            error = (self.generator(vectors, level=level, fade=fade).float() - wanted).abs().mean()
            # The mean's gradient has a length of 1/√values, the verdict's, which the penalty holds, one of 1.
            weight = self.config.reconstruction * math.sqrt(wanted[0].numel())
            losses = {"loss": losses["loss"] + weight * error, "reconstruction": error}
        if not self.training:
            vectors = torch.cat([latents_of(synthetic_rows(len(batch), own.device), self._random), own], 1)
            losses["l1"] = masked_l1(self.ema_generator(vectors, level=level, fade=fade), wanted, batch.masks)
        return losses

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw a synthetic person for each face, as its features say."""
        latents = latents_of(synthetic(target), self._random)
        return self.generated(torch.cat([latents, self._conditions(batch.features)], 1))

    def _conditions(self, features: Tensor) -> Tensor:
        standardized: Tensor = self.standardized(features) if self.standardized else features
        return standardized

    def _drawn_conditions(self, batch: Batch) -> Tensor:
        if self.config.drawn_from == "faces":
            return self._conditions(batch.features[torch.randperm(len(batch), device=batch.features.device)])
        return self._conditions(self.distribution.draw(len(batch)))

    def _vectors(self, conditions: Tensor) -> Tensor:
        noise = torch.randn(len(conditions), self._random, device=conditions.device)
        return torch.cat([noise, conditions], 1)
