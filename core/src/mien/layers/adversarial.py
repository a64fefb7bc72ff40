"""Base of models in which a generator learns against a discriminator."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.layers.average import MovingAverage

DISCRIMINATOR, GENERATOR = "discriminator", "generator"


class AdversarialConfig(PluginConfig):
    """What training two networks against each other takes."""

    learning_rate: float = Field(default=2e-4, gt=0)
    """Of the generator's Adam."""
    discriminator_rate: float = Field(default=2e-4, gt=0)
    """Of the discriminator's Adam."""
    beta1: float = Field(default=0.5, ge=0, lt=1)
    """Of both Adams: how long a gradient is remembered."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Of both Adams: how long a gradient's square is remembered."""
    average_decay: float = Field(default=0.999, ge=0, lt=1)
    """Images are drawn by a moving average of the generator's weights; so much of it stays at each step. 0: by the
    weights of the last step, as in the reference."""


class AdversarialModel(Model):
    """A model with a generator, a discriminator, and the generator's moving average, which draws.

    A subclass gives both networks to `play`, and has `discriminator_losses` and `generator_losses`.
    """

    phases = (DISCRIMINATOR, GENERATOR)
    lowers_rate_on_plateau = False
    config: AdversarialConfig

    def set_networks(self, generator: nn.Module, discriminator: nn.Module) -> None:
        """Take in the two networks."""
        self.generator = generator
        self.discriminator = discriminator
        self.average = MovingAverage(generator, self.config.average_decay) if self.config.average_decay else None

    @property
    def ema_generator(self) -> nn.Module:
        """What draws: the average, or, without one, the generator itself."""
        return self.average if self.average is not None else self.generator

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over the network of the phase."""
        network = self.discriminator if phase == DISCRIMINATOR else self.generator
        rate = self.config.discriminator_rate if phase == DISCRIMINATOR else self.config.learning_rate
        return Adam(network.parameters(), lr=rate, betas=(self.config.beta1, self.config.beta2), fused=True)

    def after_step(self, phase: str) -> None:
        """Take the generator's new weights into the average."""
        if phase == GENERATOR and self.average is not None:
            self.average.update(self.generator)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The losses of one of the two."""
        return self.discriminator_losses(batch) if phase == DISCRIMINATOR else self.generator_losses(batch)

    @abstractmethod
    def discriminator_losses(self, batch: Batch) -> Losses:
        """How badly the discriminator tells real from drawn: {"loss": scalar, …}."""

    @abstractmethod
    def generator_losses(self, batch: Batch) -> Losses:
        """How badly the generator passes for real: {"loss": scalar, …}."""


class InstanceNoiseConfig(AdversarialConfig):
    """Noise on what the discriminator sees, which falls in steps."""

    size: Literal[8, 16, 32, 64, 128, 256] = 64
    """Side of the images in pixels."""
    batch_size: int = Field(default=16, ge=1)
    """Faces in a step."""
    noise: tuple[float, ...] = Field(default=(1.0, 0.25, 0.1, 0.0), min_length=1)
    """Standard deviations of the noise on the discriminator's images, one after the other; the last one stays."""
    noise_epochs: float = Field(default=10.0, gt=0)
    """After so many epochs comes the next."""


def noise_stages(config: InstanceNoiseConfig, inputs: ModelInputs) -> Sequence[Stage]:
    """A stage for each strength of the noise; the last one has no end. An epoch is all training faces once."""
    steps = max(1, round(config.noise_epochs * inputs.rows / config.batch_size))
    timed = [Stage(config.size, config.batch_size, steps) for _ in config.noise[1:]]
    return [*timed, Stage(config.size, config.batch_size)]


def with_instance_noise(images: Tensor, config: InstanceNoiseConfig, stage: int) -> Tensor:
    """Images with the noise of a stage (Sønderby et al. 2017, arXiv:1610.04490). images: (N, 3, S, S)."""
    strength = config.noise[stage]
    return images + strength * torch.randn_like(images) if strength else images


def adversarial_bce(logits: Tensor, real: bool) -> Tensor:
    """The binary cross-entropy between verdicts (N,) and the truth, or what shall pass for it: a scalar."""
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
