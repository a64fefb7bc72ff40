"""The model `identities`: people who do not exist, as `morph` mixes them, with looks that a generator has learned."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, relu
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Recognize, Sampling, Stage
from mien.contracts.target import TargetKind
from mien.layers import MovingAverage
from mien_model_morph.appearance import appearance
from mien_model_morph.learned.drawing import drawn_over, heads_of
from mien_model_morph.learned.looks import LearnedPerson, Maps, penalties
from mien_model_morph.learned.recognizing import recognizing
from mien_model_morph.model import Morph, MorphConfig, Person
from mien_model_morph.person import mixture

_SLOPE = 0.2
_LIGHTNESS = 10.0
"""What an output of 1 is worth, in CIELab's L."""
_FARTHEST = 0.06
"""No move of a feature is larger, in distances between the eyes: beyond that people look odd."""
_DIGITS, _MOVE_DIGITS = 2, 4
"""Looks are rounded: the last bits of what a network says depend on how many threads have added them up."""
_NUMBERS = 2**62


class IdentitiesConfig(MorphConfig):
    """Settings of the model of synthetic people, beside those of morph."""

    presets = {"small": {"size": 64, "batch_size": 4, "width": 64, "lightness_side": 32}}

    looks_lightness: float = Field(default=0.5, ge=0.0, le=2.0)
    """As of morph; what tells people apart besides is learned."""
    steps: int = Field(default=600, ge=1)
    """Steps of training."""
    batch_size: int = Field(default=16, ge=2)
    """Faces in a step: each of half as many people is drawn over two of them."""
    width: int = Field(default=256, ge=1)
    """Neurons of each of the generator's two hidden layers."""
    lightness_side: Literal[16, 32, 64, 128] = 64
    """Side in pixels of a lightness as the generator makes it."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of Adam."""
    average_decay: float = Field(default=0.99, ge=0, lt=1)
    """People are drawn by a moving average of the generator's weights; so much of it stays at each step."""
    temperature: float = Field(default=0.2, gt=0)
    """By which cosines of encodings are divided where people are told apart: the lower, the more the likest count."""
    same: float = Field(default=0.5, ge=0)
    """Weight of the squared distance between encodings of one person over two heads."""
    stranger: float = Field(default=2.0, ge=0)
    """Weight of what a drawn face is nearer to the head's own than `apart`."""
    apart: float = Field(default=1.25, gt=0)
    """Distance of encodings that is far enough for it."""
    smooth: float = Field(default=1.6, ge=0)
    """Weight of the mean squared difference of neighboring pixels of the learned lightness, in the common frame."""
    little: float = Field(default=0.09, ge=0)
    """Weight of the mean square of the learned lightness."""
    still: float = Field(default=80.0, ge=0)
    """Weight of the mean square of the features' moves."""


class Generator(nn.Module):
    """What is known of a synthetic person (N, length) → lightness and shape, as of `Maps`; at first 0."""

    def __init__(self, length: int, width: int, side: int) -> None:
        super().__init__()
        self.maps = Maps(side)
        self._half = side, side // 2
        self.first, self.second = nn.Linear(length, width), nn.Linear(width, width)
        self.left, self.moves = nn.Linear(width, side * side // 2), nn.Linear(width, self.maps.moves)
        for last in (self.left, self.moves):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Draw up looks."""
        inner = leaky_relu(self.second(leaky_relu(self.first(known), _SLOPE)), _SLOPE)
        half = _LIGHTNESS * self.left(inner).unflatten(1, self._half)
        return self.maps.lightness(half), self.maps.shape(_FARTHEST * self.moves(inner).tanh())


class Identities(Morph):
    """Draws people who do not exist: morph's mixtures, each with looks that make one person of it.

    Two mixtures of a few people, drawn over one head, are one person to a recognizer more often than not, and one
    mixture over two heads is sometimes two. A generator learns to add to each, by the number, a lightness and other
    places of features, so that a recognizer takes one number for one person whatever head it is drawn over, two numbers
    for two people, and none for whose head it is. The faces of the run are heads, and nothing of them is drawn.

    The loss is that of T. Chen, S. Kornblith, M. Norouzi, G. Hinton, A Simple Framework for Contrastive Learning of
    Visual Representations, ICML 2020: one person over two heads is a positive pair, all others of a step are negative.
    """

    Config = IdentitiesConfig
    config: IdentitiesConfig
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"synthetic"})
    needs_fit: ClassVar[bool] = True
    sampling: Sampling = "uniform"
    recognizer = "sface"
    fit = Model.fit

    def __init__(self, config: MorphConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings = self.config
        for name in ("textures", "shapes", "owners"):  # it has no bank of its own: nothing to save
            self.register_buffer(name, getattr(self, name), persistent=False)
        self.generator = Generator(len(self._known_of(0)), settings.width, settings.lightness_side)
        self.average = MovingAverage(self.generator, settings.average_decay)

    def stages(self) -> Sequence[Stage]:
        """One stage; it ends."""
        return [Stage(self.config.size, self.config.batch_size, self.config.steps)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over the generator."""
        return Adam(self.generator.parameters(), lr=self.config.learning_rate, betas=(0.5, 0.99))

    def after_step(self, phase: str) -> None:
        """Take the generator's new weights into the average."""
        self.average.update(self.generator)
        self._people = {}

    def forward(self, batch: Batch, phase: str) -> Losses:
        """How far the recognizer is from seeing one person for each number.

        Raises MienError if the run's recognizer has no network.
        """
        with torch.autocast(batch.images.device.type, enabled=False):
            return self._losses(batch, recognizing(self))

    def _losses(self, batch: Batch, recognize: Recognize) -> Losses:
        config, pairs = self.config, max(len(batch) // 2, 1)
        numbers = torch.randint(_NUMBERS, (pairs,)).tolist() if self.training else list(range(pairs))
        people = [super(Identities, self)._synthetic_person(number) for number in numbers]  # without looks
        twice = 2 * people if len(batch) > 1 else people
        lightness, shape = (self.generator if self.training else self.average)(self._known(numbers))
        looks = (lightness.repeat(len(twice) // pairs, 1, 1, 1), shape.repeat(len(twice) // pairs, 1, 1))
        drawn = drawn_over(heads_of(batch)[: len(twice)], twice, looks, self)
        found = recognize(drawn.images, drawn.landmarks)
        with torch.no_grad():
            theirs = recognize(drawn.scenes, drawn.landmarks)
        nearer = config.apart - (found - theirs).square().sum(1).clamp_min(1e-6).sqrt()
        losses = {
            "stranger": config.stranger * relu(nearer).mean(),
            **penalties(lightness, shape, smooth=config.smooth, little=config.little, still=config.still),
        }
        if len(twice) > 1:
            losses["apart"] = _told_apart(found, config.temperature)
            first, second = found.chunk(2)
            losses["same"] = config.same * (first - second).square().sum(1).mean()
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _known(self, numbers: Sequence[int]) -> Tensor:
        known = torch.from_numpy(np.stack([self._known_of(number) for number in numbers]))
        return known.to(self.owners.device)

    def _known_of(self, number: int) -> np.ndarray:
        """The looks that morph gives a number, and the shares of its mixture: float32 (L,)."""
        shares = np.zeros(len(self._openpeople))
        for person, share in mixture(number, len(shares), self.config.people).items():
            shares[person] = 2 * share
        return np.concatenate([*appearance().drawn(number), shares]).astype(np.float32)

    def _synthetic_person(self, number: int) -> Person:
        with torch.no_grad(), torch.autocast(self.owners.device.type, enabled=False):
            lightness, shape = (each[0].cpu().numpy() for each in self.average(self._known([number])))
        return LearnedPerson(super()._synthetic_person(number), lightness[0].round(_DIGITS), shape.round(_MOVE_DIGITS))


def _told_apart(encodings: Tensor, temperature: float) -> Tensor:
    """The contrastive loss of 2N encodings, (2N, D), rows i and i + N being one person: a scalar."""
    unit = encodings / encodings.norm(dim=1, keepdim=True).clamp_min(1e-6)
    alike = unit @ unit.T / temperature
    alike = alike.masked_fill(torch.eye(len(unit), dtype=torch.bool, device=unit.device), -torch.inf)
    return cross_entropy(alike, torch.arange(len(unit), device=unit.device).roll(len(unit) // 2))
