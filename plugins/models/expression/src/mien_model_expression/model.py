"""The expression model: a decoder driven by what a face does, whoever it is."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, known
from mien.layers import MovingAverage, ReconstructionConfig, reconstruction_losses, weighted_masks
from mien_model_expression.driver import MEASURES, measured
from mien_model_expression.network import Decoder

_LEAST_SPREAD = 0.03
"""What varies by less is measured no better."""
_RANGE = (0.005, 0.995)
"""Of a person's values, sorted, those shares lie below the lowest and the highest that they are drawn with."""


class ExpressionConfig(ReconstructionConfig):
    """Settings of the expression model."""

    presets = {
        "small": {
            "size": 128, "styles": 192, "width": 16, "most_channels": 128, "batch_size": 16, "learning_rate": 2e-3,
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


class Expression(Model):
    """Draws people it knows. Nothing of the driving image but what the face does reaches the result."""

    Config = ExpressionConfig
    needs_features = True
    config: ExpressionConfig
    center: Tensor
    spread: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings, people, length = self.config, len(inputs.people), inputs.features + MEASURES
        self.decoder = Decoder(length, people, settings.size, settings.styles, settings.width, settings.most_channels)
        self.average = MovingAverage(self.decoder, settings.average_decay)
        self.register_buffer("center", torch.zeros(length))
        self.register_buffer("spread", torch.ones(length))
        self.register_buffer("lowest", torch.full((people, length), -torch.inf))
        self.register_buffer("highest", torch.full((people, length), torch.inf))

    def fit(self, faces: Iterable[Batch]) -> None:
        """Keep mean and spread of what the faces do, and the range of each person's."""
        drivers, people = [], []
        for batch in faces:
            drivers.append(_driver(batch).double().cpu())
            people.append(batch.people.cpu())
        driver, person = torch.cat(drivers), torch.cat(people)
        center = driver.nanmean(0).nan_to_num(0.0)
        filled = torch.where(driver.isfinite(), driver, center)
        self.center.copy_(center)
        self.spread.copy_((filled - center).square().mean(0).sqrt().clamp_min(_LEAST_SPREAD))
        shares = torch.tensor(_RANGE, dtype=torch.float64)
        for number in range(len(self.inputs.people)):
            if bool((person == number).any()):
                low, high = torch.quantile(filled[person == number], shares, dim=0)
                self.lowest[number].copy_(low)
                self.highest[number].copy_(high)

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over the decoder."""
        return Adam(self.decoder.parameters(), lr=self.config.learning_rate, betas=(0.9, 0.99), fused=True)

    def after_step(self, phase: str) -> None:
        """Take the new weights into the average."""
        self.average.update(self.decoder)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The errors between the face and what it does, drawn as its person."""
        decoder = self.decoder if self.training else self.average
        drawn = decoder(self._driver(batch, batch.people), batch.people)
        weights = weighted_masks(batch.masks, batch.landmarks, self.config)
        losses = reconstruction_losses(drawn, batch.images, weights, self.config)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw each person doing what the batch's faces do."""
        people = known(target).people
        drawn: Tensor = self.average(self._driver(batch, people), people)
        return drawn.clamp(-1, 1)

    def _driver(self, batch: Batch, people: Tensor) -> Tensor:
        """Standardized, within what each person was seen doing: (N, D)."""
        driver = _driver(batch)
        driver = torch.where(driver.isfinite(), driver, self.center)
        driver = driver.clamp(self.lowest[people], self.highest[people])
        # A blink is some eight times as far from the mean as is usual: heard, but no louder than the network bears.
        return torch.asinh((driver - self.center) / self.spread)


def _driver(batch: Batch) -> Tensor:
    landmarks = batch.landmarks
    if len(landmarks) != len(batch):
        landmarks = batch.images.new_full((len(batch), 68, 2), torch.nan)
    return torch.cat([batch.features.float(), measured(landmarks)], 1)
