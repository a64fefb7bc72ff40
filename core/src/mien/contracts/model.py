"""Contract: a model draws faces, and is trained by the one loop."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from mien.contracts.plugin import Plugin, PluginConfig
from mien.errors import MienError

Losses: TypeAlias = dict[str, Tensor]
"""Scalars by name. The loop steps on "loss" and logs the others."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Faces as a model gets them."""

    images: Tensor
    """float32 (N, 3, S, S) in [-1, 1], RGB; black (-1) where the mask is 0."""
    masks: Tensor
    """float32 (N, 1, S, S) in [0, 1]."""
    features: Tensor
    """float32 (N, F), each value mapped to about [-1, 1]; F = 0 if the run uses no features."""
    identities: Tensor
    """int64 (N,): which of `ModelInputs.identities` the face belongs to; -1 for a person the run does not know."""
    progress: float = 1.0
    """How much of the stage is done, in [0, 1]; 1 when nothing is being trained."""
    stage: int = -1
    """Which of `Model.stages()` is being trained; the last one (-1) when nothing is."""
    strangers: Tensor | None = None
    """int64 (N,): the number of the invented person that each face is to be drawn as; one number, one person. None: all
    faces as the same person, number 0."""

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def to(self, device: torch.device | str, memory_format: torch.memory_format = torch.contiguous_format) -> "Batch":
        """The same batch on another device, the images in that memory format."""
        return replace(
            self,
            images=self.images.to(device, memory_format=memory_format),
            masks=self.masks.to(device),
            features=self.features.to(device),
            identities=self.identities.to(device),
            strangers=None if self.strangers is None else self.strangers.to(device),
        )

    def rows(self, chosen: Tensor) -> "Batch":
        """The chosen rows: a bool (N,) or int64 index tensor."""
        return replace(
            self,
            images=self.images[chosen],
            masks=self.masks[chosen],
            features=self.features[chosen],
            identities=self.identities[chosen],
            strangers=None if self.strangers is None else self.strangers[chosen],
        )


def to_uint8_images(images: Tensor) -> NDArray[np.uint8]:
    """Images (N, 3, S, S) in [-1, 1] as 8-bit images: uint8 (N, S, S, 3), RGB."""
    scaled = images.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    eight_bit: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    return eight_bit


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training at one resolution. Most models have one."""

    resolution: int
    """Side of the crops in pixels: a power of two, 2 to 128."""
    batch_size: int
    """Faces of each identity in one step of one process."""
    steps: int | None = None
    """Length in optimizer steps; None: until training is stopped."""
    fade: bool = False
    """Whether the model blends a new resolution in, by `Batch.progress`."""


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """What a model is told of the data when it is made; a run keeps it, so that swapping makes the same model."""

    identities: tuple[str, ...]
    """The people of the run, in the order of `Batch.identities`."""
    features: int
    """Length F of the feature vector."""
    rows: int
    """Faces to train on, over all identities."""
    feature_mean: NDArray[np.float32]
    """float32 (F,): mean of the feature vectors, as a batch holds them: every identity counts alike."""
    feature_covariance: NDArray[np.float32]
    """float32 (F, F), likewise."""


class Model(Plugin, nn.Module):
    """Draws faces. The loop calls the module itself, `model(batch, phase)`, so that hooks of DDP and FSDP run."""

    phases: ClassVar[tuple[str, ...]] = ("main",)
    """Steps of one iteration, in order: each has an optimizer and a loss, as ("discriminator", "generator")."""
    people: ClassVar[tuple[int, int | None]] = (1, None)
    """Fewest and most people that it can be trained on; None: any number."""
    needs_features: ClassVar[bool] = False
    """Whether it draws from features, so that a run has to name some."""
    swaps: ClassVar[bool] = True
    """Whether it draws the people it was trained on: what `mien swap --to PERSON` asks for."""
    invents: ClassVar[bool] = False
    """Whether it draws people who do not exist, as `Batch.strangers` numbers them: what `mien anonymize` asks for."""
    lowers_rate_on_plateau: ClassVar[bool] = True
    """Whether the loop lowers the learning rate when a phase's loss on held-out faces no longer falls. False where that
    loss does not tell how good the model is, as with two networks that play against each other."""
    inputs: ModelInputs

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Refuse a class that lacks a method, as an ABC does. Raises TypeError naming what is missing."""
        if cls.__abstractmethods__:  # nn.Module has no ABC machinery of its own: say it as early as for other kinds
            missing = ", ".join(sorted(cls.__abstractmethods__))
            raise TypeError(f"{cls.__name__} does not implement {missing}")
        return super().__new__(cls)

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        nn.Module.__init__(self)
        Plugin.__init__(self, config)
        self.inputs = inputs

    def identity_index(self, identity: str) -> int:
        """The number of a person in `Batch.identities`.

        Raises MienError if the run does not know them, or if the model draws none of the people it was trained on.
        """
        if not self.swaps:
            raise MienError(
                f"This run's model draws people who do not exist; it cannot draw {identity!r}.",
                "mien anonymize INPUT OUTPUT --run RUN",
            )
        if identity not in self.inputs.identities:
            known = ", ".join(self.inputs.identities)
            raise MienError(f"This run knows no {identity!r}; it knows {known}.", f"--to {self.inputs.identities[0]}")
        return self.inputs.identities.index(identity)

    @property
    @abstractmethod
    def size(self) -> int:
        """Side of the images that `generate` draws, in pixels."""

    @abstractmethod
    def stages(self) -> Sequence[Stage]:
        """How training goes: at least one stage. Only the last may be without an end."""

    @abstractmethod
    def optimizer(self, phase: str) -> Optimizer:
        """A new optimizer over the parameters that this phase trains."""

    @abstractmethod
    def forward(self, batch: Batch, phase: str) -> Losses:
        """The phase's losses on a batch: {"loss": scalar to step on, other scalars to log}.

        Random numbers come from torch's global generator, which the loop seeds before each step. In evaluation mode
        (validation) it is called without gradients.
        """

    def after_step(self, phase: str) -> None:
        """Called after each optimizer step of a phase: the place for a moving average of the weights."""

    @abstractmethod
    def generate(self, batch: Batch, identity: str | None) -> Tensor:
        """Draw the faces of a batch: float32 (N, 3, size, size) in [-1, 1], RGB.

        batch: crops at `size` (or the size the model was last trained at). identity: one of `inputs.identities`, for a
        model that swaps; None: for a model that invents people, those whom `batch.strangers` numbers, for others whom
        the model likes. The same batch gives the same images, and a face's image does not depend on the others.
        Raises MienError for an identity that the run does not know, or that the model cannot draw.
        """
