"""Base of models whose two networks grow while they play against each other, by the WGAN-GP loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.model import Batch, Losses, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.layers.adversarial import AdversarialConfig, AdversarialModel
from mien.layers.progressive import FIRST_SIDE, GrowingDiscriminator, faded, widths_of

_TINY = 1e-12
"""Keeps a square root's slope finite at 0."""


class GrowingConfig(AdversarialConfig):
    """Settings of growing networks; the defaults are those of the reference study."""

    size: Literal[8, 16, 32, 64, 128, 256] = 128
    """Side of the images in pixels, in the end."""
    latent: int = Field(default=512, ge=1)
    """Length of the generator's input vector."""
    maps: int = Field(default=8192, ge=1)
    """Maps at the first level, 4×4 pixels, times 2; each further level has half as many, if they are not too many."""
    maps_most: int = Field(default=512, ge=1)
    """Maps of a level at most."""
    penalty: float = Field(default=10.0, ge=0)
    """λ: weight of the gradient penalty."""
    drift: float = Field(default=0.001, ge=0)
    """Weight of the verdicts' squares, which keeps them near 0."""
    epochs_fade: float = Field(default=4.0, gt=0)
    """How long a level is blended in. An epoch is all training faces once."""
    epochs_stable: float = Field(default=4.0, gt=0)
    """How long it is then trained before the next one comes; the last level is trained until training is stopped."""
    batch_sizes: tuple[int, ...] = Field(default=(64, 64, 64, 32, 16, 16), min_length=1)
    """Faces in a step at 4×4, 8×8, 16×16 pixels and so on; the last number stays."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of the generator's Adam."""
    discriminator_rate: float = Field(default=1e-4, gt=0)
    """Of the discriminator's Adam."""
    beta1: float = Field(default=0.0, ge=0, lt=1)
    """Of both Adams: how long a gradient is remembered."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Of both Adams: how long a gradient's square is remembered."""


@dataclass(frozen=True, slots=True)
class CriticInput:
    """What the discriminator is shown: images (N, 3, S, S), and the conditions (N, length) they are said to meet."""

    images: Tensor
    conditions: Tensor | None = None


class GrowingModel(AdversarialModel):
    """A generator and a discriminator that grow through the stages, and draw as far as they have grown."""

    targets = frozenset({"synthetic"})
    masked = True
    config: GrowingConfig
    discriminator: GrowingDiscriminator
    level: Tensor
    fade: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        levels = int(math.log2(self.config.size // FIRST_SIDE)) + 1
        self.widths = widths_of(levels, self.config.maps, self.config.maps_most)
        self.register_buffer("level", torch.zeros((), dtype=torch.int64))
        self.register_buffer("fade", torch.ones(()))

    def stages(self) -> Sequence[Stage]:
        """4×4 pixels, then each level blended in and trained; the last one has no end."""
        config = self.config
        stages: list[Stage] = []
        for level in range(len(self.widths)):
            faces = config.batch_sizes[min(level, len(config.batch_sizes) - 1)]
            resolution = FIRST_SIDE * 2**level
            fading, stable = (
                math.ceil(self.inputs.rows * epochs / faces) for epochs in (config.epochs_fade, config.epochs_stable)
            )
            stages += [Stage(resolution, faces, fading, fade=True)] if level else []
            stages.append(Stage(resolution, faces, stable if level + 1 < len(self.widths) else None))
        return stages

    def growth(self, batch: Batch) -> tuple[int, float]:
        """Level and fade of the batch's stage. In training they are remembered, for drawing."""
        stage = self.stages()[batch.stage]
        level, fade = int(math.log2(stage.resolution // FIRST_SIDE)), batch.progress if stage.fade else 1.0
        if self.training:
            self.level.fill_(level)
            self.fade.fill_(fade)
        return level, fade

    def generated(self, vectors: Tensor) -> Tensor:
        """Draw at the level that was reached: float32 (N, 3, size, size) in [-1, 1]."""
        drawn_images = self.ema_generator(vectors, level=int(self.level), fade=float(self.fade)).float()
        if drawn_images.shape[-1] < self.config.size:
            drawn_images = interpolate(drawn_images, size=(self.config.size, self.config.size), mode="bilinear")
        return cast(Tensor, drawn_images.clamp(-1, 1))

    def critic_loss(
        self,
        real: CriticInput,
        generated: CriticInput,
        level: int,
        fade: float,
        *,
        mismatched: Tensor | None = None,
        joint: bool = False,
    ) -> Losses:
        """The discriminator's WGAN-GP loss (Gulrajani et al. 2017, arXiv:1704.00028) with the paper's drift.

        real, drawn: as many faces each; those of `real` at full resolution, whatever the fade. mismatched: conditions
        that are not those of the real faces; with them these count as drawn, half and half with those that are.
        joint: whether the penalty bounds the slope along the conditions, too, so that a distance between faces with
        their conditions is measured. The penalty is left out when no gradients are asked for, as in validation.
        """
        real = CriticInput(faded(real.images, fade), real.conditions)
        shown = [real, generated]
        if mismatched is not None and self.discriminator.sees_conditions:
            shown.append(CriticInput(real.images, mismatched))
        images = torch.cat([part.images for part in shown])
        given = [part.conditions for part in shown if part.conditions is not None]
        conditions = torch.cat(given) if given else None
        activations = self.discriminator.activations(images, conditions, level=level, fade=fade, groups=len(shown))
        if mismatched is not None and not self.discriminator.sees_conditions:
            activations, conditions = (
                torch.cat([activations, activations[: len(real.images)]]),
                torch.cat([*given, mismatched]),
            )
        logits = self.discriminator.adversarial_bce(activations, conditions)
        on_real, on_fakes = logits[: len(real.images)], logits[len(real.images) :]
        distance = on_real.mean() - on_fakes.mean()
        drift = self.config.drift * on_real.square().mean()
        losses = {"loss": drift - distance, "distance": distance, "drift": drift}
        if torch.is_grad_enabled() and self.config.penalty:
            losses["penalty"] = self.config.penalty * self._penalty(real, generated, level, fade, joint)
            losses["loss"] = losses["loss"] + losses["penalty"]
        return losses

    def _penalty(self, real: CriticInput, fake: CriticInput, level: int, fade: float, joint: bool) -> Tensor:
        """How far from 1 the slope of the verdict is, between real and drawn faces: a scalar."""
        share = torch.rand(len(real.images), 1, device=real.images.device)
        conditions, along = fake.conditions, [_between(real.images, fake.images, share[..., None, None])]
        if joint and real.conditions is not None and fake.conditions is not None:
            conditions = _between(real.conditions, fake.conditions, share)
            along.append(conditions)
        logits = self.discriminator(along[0], conditions, level=level, fade=fade)
        slopes = torch.autograd.grad(logits.sum(), along, create_graph=True)
        squares = torch.stack([slope.float().flatten(1).square().sum(1) for slope in slopes]).sum(0)
        return ((squares + _TINY).sqrt() - 1).square().mean()


def _between(real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """The mixture, which asks for a gradient. It is no leaf: hooks on modules, as those that count operations, do not
    work on leaves that a gradient inside of a forward pass is asked for."""
    return torch.lerp(real.detach().requires_grad_(), fake.float(), share)
