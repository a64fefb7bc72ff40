"""The expression model: a decoder driven by what a face does, whoever it is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, known
from mien.layers import (
    DcganDiscriminator,
    MovingAverage,
    ReconstructionConfig,
    adversarial_bce,
    reconstruction_losses,
    weighted_masks,
)
from mien_model_expression.base import LinearFace
from mien_model_expression.driver import Driver
from mien_model_expression.network import Decoder


class ExpressionConfig(ReconstructionConfig):
    """Settings of the expression model."""

    presets = {
        "small": {
            "size": 128, "styles": 192, "width": 16, "most_channels": 128, "batch_size": 8, "learning_rate": 2e-3,
            "average_decay": 0.99,
        }
    }  # fmt: skip

    size: Literal[32, 64, 128, 256, 512] = 256
    """Side of the images in pixels."""
    styles: int = Field(default=512, ge=1)
    """Length of the style that is made of expression, pose and person."""
    width: int = Field(default=32, ge=1)
    """Channels next to the image; they double at each halving."""
    most_channels: int = Field(default=512, ge=1)
    """Channels at most."""
    linear_side: Literal[16, 32, 64, 128] = 128
    """Side at which faces are fitted before the first step, in pixels, at most `size`. A person takes 11 MB at 128, and
    3 MB at 64."""
    batch_size: int = Field(default=32, ge=1)
    """Faces in a step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of Adam."""
    average_decay: float = Field(default=0.998, ge=0, lt=1)
    """Faces are drawn by a moving average of the weights; so much of it stays at each step."""
    eyes: float = Field(default=6.0, ge=0)
    """How much more errors weigh at the eyes and their lids: they are small, and a blink is seen by them alone."""
    mouth: float = Field(default=3.0, ge=0)
    """How much more errors weigh at the mouth."""
    brows: float = Field(default=1.0, ge=0)
    """How much more errors weigh at the brows."""
    edges: float = Field(default=2.0, ge=0)
    """Weight of the error in edges beside the L1 error."""
    structure: float = Field(default=0.2, ge=0)
    """Weight of the lost structural similarity, at three sizes, beside the L1 error."""
    adversarial: float = Field(default=0.0, ge=0)
    """Weight of passing for real, and for doing what is asked for, before a discriminator; 0: there is none."""
    adversarial_after: int = Field(default=5000, ge=0)
    """Steps after which that begins to count; the discriminator learns from the first one."""
    discriminator_width: int = Field(default=32, ge=1)
    """Channels of the discriminator's first convolution; they double to eight times as many at most."""
    discriminator_rate: float = Field(default=2e-4, gt=0)
    """Of the discriminator's Adam."""


class Expression(Model):
    """Draws people it knows. Nothing of the driving image but what the face does reaches the result."""

    Config = ExpressionConfig
    needs_features = True
    unsaved = ("discriminator",)
    config: ExpressionConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings, people = self.config, len(inputs.people)
        self.driver = Driver(inputs)
        self.base = LinearFace(people, self.driver.length, min(settings.linear_side, settings.size), settings.size)
        self.decoder = Decoder(
            self.driver.length, people, settings.size, settings.styles, settings.width, settings.most_channels
        )
        self.average = MovingAverage(self.decoder, settings.average_decay)
        if settings.adversarial:
            self.phases = ("discriminator", "main")  # type: ignore[misc]
            self.discriminator = DcganDiscriminator(
                settings.size, settings.discriminator_width, length=self.driver.length, normalization="spectral"
            )

    def fit(self, faces: Iterable[Batch]) -> None:
        """Keep the range of what each person was seen doing, and fit a linear face to it."""
        people = range(len(self.inputs.people))
        regressions = [self.base.fitting(person) for person in people]
        seen: list[list[Tensor]] = [[] for _ in people]
        for batch in faces:
            drivers = self.driver.standardized(batch).double()
            counts = self.driver.count(drivers)
            for person in people:
                rows = batch.people == person
                if bool(rows.any()):
                    regressions[person].add(drivers[rows], batch.images[rows], counts[rows])
                    seen[person].append(drivers[rows])
        for person in people:
            if seen[person]:
                self.driver.keep(person, torch.cat(seen[person]))
                regressions[person].finish(self.driver.usual[person], self.driver.kept[person])

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over the decoder, or over the discriminator."""
        if phase == "discriminator":
            rate = self.config.discriminator_rate
            return Adam(self.discriminator.parameters(), lr=rate, betas=(0.5, 0.99), fused=True)
        return Adam(self.decoder.parameters(), lr=self.config.learning_rate, betas=(0.9, 0.99), fused=True)

    def after_step(self, phase: str) -> None:
        """Take the decoder's new weights into the average."""
        if phase == "main":
            self.average.update(self.decoder)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The errors between the face and what it does, drawn as its person; or the discriminator's."""
        if phase == "discriminator":
            return self._discriminator_losses(batch)
        drawn = self._drawn(self.decoder if self.training else self.average, batch, batch.people)
        weights = weighted_masks(batch.masks, batch.landmarks, self.config)
        losses = reconstruction_losses(drawn, batch.images, weights, self.config)
        if self.config.adversarial and int(self.average.updates) >= self.config.adversarial_after:
            losses["adversarial"] = self.config.adversarial * adversarial_bce(self._verdicts(drawn, batch), True)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw each person doing what the batch's faces do."""
        return self._drawn(self.average, batch, known(target).people).clamp(-1, 1)

    def _discriminator_losses(self, batch: Batch) -> Losses:
        """Faces with what they do are real; drawn ones, and faces that do something else, are not, and count half."""
        with torch.no_grad():
            drawn = self._drawn(self.decoder if self.training else self.average, batch, batch.people)
        other = replace(batch, features=batch.features.roll(1, 0), landmarks=batch.landmarks.roll(1, 0))
        real = adversarial_bce(self._verdicts(batch.images, batch), True)
        fake = adversarial_bce(self._verdicts(drawn, batch), False)
        mismatched = adversarial_bce(self._verdicts(batch.images, other), False)
        return {"loss": real + (fake + mismatched) / 2, "real": real, "fake": fake, "mismatched": mismatched}

    def _verdicts(self, images: Tensor, batch: Batch) -> Tensor:
        """On faces alone: black around them, as real and as drawn."""
        verdicts: Tensor = self.discriminator((images + 1) * batch.masks - 1, self.driver(batch, batch.people))
        return verdicts

    def _drawn(self, decoder: nn.Module, batch: Batch, people: Tensor) -> Tensor:
        driver = self.driver(batch, people)
        drawn: Tensor = self.base(driver, people) + decoder(driver, people)
        return drawn
