"""Contract: a model draws faces, and is trained by the one loop."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from mien.contracts.plugin import Plugin, PluginConfig
from mien.contracts.target import Given, Target, TargetKind
from mien.geometry.alignment import AlignmentConfig

Losses: TypeAlias = dict[str, Tensor]
"""Scalars by name. The loop steps on "loss" and logs the others."""
Sampling: TypeAlias = Literal["balanced", "uniform", "pairs"]
"""Which faces come together in a step: of every person alike, of all faces alike, or rows 2i and 2i + 1 of one
person."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Faces as a model gets them. `mien.training.batch.make_batch` makes every one of them."""

    images: Tensor
    """float32 (N, 3, S, S) in [-1, 1], RGB. Whole crops; for a model that is `masked`, black (-1) where the mask is
    0."""
    masks: Tensor
    """float32 (N, 1, S, S) in [0, 1]: what of the crop is face, by the run's masker."""
    features: Tensor
    """float32 (N, F), each value mapped to about [-1, 1]; F = 0 if the run uses no features."""
    people: Tensor
    """int64 (N,): which of `ModelInputs.people` the face belongs to; -1 for nobody of the run."""
    landmarks: Tensor = field(default_factory=lambda: torch.zeros(0, 68, 2))
    """float32 (N, 68, 2), iBUG-68, in pixels of `images`; NaN where they are not known."""
    tracks: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    """int64 (N,): faces of one number are one face followed over the frames of a video; -1: of a single image."""
    encodings: Tensor | None = None
    """float32 (N, D), by the run's recognizer; in the training of a model that draws a reference, otherwise None."""
    around: "Batch | None" = None
    """For a model with a `window`: the faces of each row's track in the frames around it, before + 1 + after of them
    for each row in order of time, rows one after the other, the row itself among them; where the track ends, the
    nearest."""
    stage: int = -1
    """Which of `Model.stages()` is being trained; the last one (-1) when nothing is."""
    progress: float = 1.0
    """How much of the stage is done, in [0, 1]; 1 when nothing is being trained."""
    counts: tuple[int, ...] | None = None
    """How many faces of each person there are, in the order of `ModelInputs.people`, known without asking the device;
    None: not counted. See `rows_of_people`."""

    def __len__(self) -> int:
        return int(self.images.shape[0])

    @property
    def size(self) -> int:
        """The crops' side S in pixels."""
        return int(self.images.shape[-1])

    def to(self, device: torch.device | str, memory_format: torch.memory_format = torch.contiguous_format) -> "Batch":
        """The same batch on another device, the images in that memory format."""
        return replace(
            self,
            images=self.images.to(device, memory_format=memory_format),
            masks=self.masks.to(device),
            features=self.features.to(device),
            people=self.people.to(device),
            landmarks=self.landmarks.to(device),
            tracks=self.tracks.to(device),
            encodings=None if self.encodings is None else self.encodings.to(device),
            around=None if self.around is None else self.around.to(device, memory_format),
        )

    def rows_of_people(self, people: int) -> list[Tensor]:
        """The rows of each of so many people, in the order of the batch: int64 (n,) each, on the batch's device.

        Waits for the device only if the batch's faces were not counted when it was made.
        """
        counts = self.counts
        if counts is None or len(counts) != people:
            known = self.people[self.people >= 0]
            counts = tuple(torch.bincount(known, minlength=people).tolist())
        order = torch.argsort(self.people, stable=True)
        return list(torch.split(order[len(self) - sum(counts) :], list(counts)))

    def rows(self, chosen: Tensor) -> "Batch":
        """The chosen rows: a bool (N,) or int64 index tensor."""
        around = self.around
        if around is not None:
            numbers = torch.arange(len(self), device=chosen.device)[chosen]
            width = len(around) // max(len(self), 1)
            around = around.rows((numbers[:, None] * width + torch.arange(width, device=chosen.device)).reshape(-1))
        return replace(
            self,
            images=self.images[chosen],
            masks=self.masks[chosen],
            features=self.features[chosen],
            people=self.people[chosen],
            landmarks=self.landmarks[chosen] if len(self.landmarks) else self.landmarks,
            tracks=self.tracks[chosen] if len(self.tracks) else self.tracks,
            encodings=None if self.encodings is None else self.encodings[chosen],
            around=around,
            counts=None,
        )


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model draws when it also says where: images with masks of their own."""

    images: Tensor
    """float32 (N, 3, T, T) in [-1, 1], RGB; T is any side, the area is that of the crop."""
    masks: Tensor
    """float32 (N, 1, T, T) in [0, 1]: what of it is to be set into the scene, instead of the run's mask."""


def to_uint8_images(images: Tensor) -> NDArray[np.uint8]:
    """Images (N, 3, S, S) in [-1, 1] as 8-bit images: uint8 (N, S, S, 3), RGB."""
    scaled = images.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    eight_bit: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    return eight_bit


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training at one resolution. Most models have one."""

    resolution: int
    """Side of the crops in pixels, from 2 to 1024."""
    batch_size: int
    """Faces in one step of one process, whoever is in them."""
    steps: int | None = None
    """Length in optimizer steps; None: until training is stopped."""
    fade: bool = False
    """Whether the model blends a new resolution in, by `Batch.progress`."""


Recognize: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Images (N, 3, S, S) in [-1, 1] and landmarks (N, 68, 2) in their pixels → encodings (N, D), differentiable."""


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """What a model is told of the data when it is made; a run keeps it, so that swapping makes the same model."""

    people: tuple[str, ...]
    """The people of the run, in the order of `Batch.people`; numbers as text if the model does not draw "known"."""
    features: int
    """Length F of the feature vector."""
    rows: int
    """Faces to train on, over all people."""
    feature_mean: NDArray[np.float32]
    """float32 (F,): mean of the feature vectors, with every person alike if the model's sampling is "balanced"."""
    feature_covariance: NDArray[np.float32]
    """float32 (F, F), likewise."""
    encoding_length: int = 0
    """Length D of an encoding by the run's recognizer; 0 if the run has none."""
    recognize: Recognize | None = None
    """The run's recognizer as a network, for a loss; None if it has none, and when nothing is being trained."""


class Model(Plugin, nn.Module):
    """Draws faces. The loop calls the module itself, `model(batch, phase)`, so that hooks of DDP and FSDP run.

    What a plugin does not use it need not name: each attribute below but the methods has a default. A model without
    stages and without `fit` needs no run: its name will do. So it is with one that says `needs_fit = False`: it has
    something to draw from before anybody has fitted it to faces of theirs.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"known"})
    """Whom it can draw."""
    phases: ClassVar[tuple[str, ...]] = ("main",)
    """Steps of one iteration, in order: each has an optimizer and a loss, as ("discriminator", "generator")."""
    people: ClassVar[tuple[int, int | None]] = (1, None)
    """Fewest and most people that it can be trained on; None: any number."""
    needs_features: ClassVar[bool] = False
    """Whether it draws from features, so that a run has to name some."""
    lowers_rate_on_plateau: ClassVar[bool] = True
    """Whether the loop lowers the learning rate when a phase's loss on held-out faces no longer falls. False where that
    loss does not tell how good the model is, as with two networks that play against each other."""
    needs_encodings: ClassVar[bool] = True
    """Of a model that draws a reference: whether it does so by encodings, which its training is given, too. False: by
    the images alone."""
    needs_fit: ClassVar[bool] = True
    """Whether a model with `fit` has to be fitted before it draws. False: it also draws with what it brings along, so
    that it needs no run; `ModelInputs.people` is empty then."""
    window: ClassVar[tuple[int, int]] = (0, 0)
    """How many frames before and after each one it looks at, in `Batch.around`."""
    unsaved: ClassVar[tuple[str, ...]] = ()
    """Children, by name, that a run does not keep: for training alone, or loaded by `__init__`."""
    hides: ClassVar[bool] = False
    """Whether it draws nobody, but hides the head: then every number of `Synthetic.ids` gives the same."""
    sampling: Sampling = "balanced"
    """Which faces come together in a step."""
    masked: bool = False
    """Whether the network sees nothing but the face: its images are black where the mask is 0."""
    alignment: AlignmentConfig | None = None
    """The cut that it needs, if that is another than the dataset's; None: the dataset's."""
    recognizer: str | None = None
    """The recognizer that its encodings have to come from, or its loss sees by, as a plugin choice; None: the run's.
    Where it draws no references, what it draws is not judged by that one, unless the user asks for it."""
    blender: str | None = None
    """The blender that sets back what it draws, as a plugin choice, where the user names none; None: the default."""
    extractor: str | None = None
    """The extractor whose landmarks suit it best, as a plugin choice, where it draws without a run and the user names
    none; None, or one that is not installed: the default."""
    faces_per_batch: int = 8
    """How many faces `generate` is given at once, at most."""
    inputs: ModelInputs

    @classmethod
    def sees_encodings(cls) -> bool:
        """Whether it is given the encodings of the faces that it is trained on, and draws references by theirs."""
        return "reference" in cls.targets and cls.needs_encodings

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

    @classmethod
    def fits(cls) -> bool:
        """Whether the model has a `fit` of its own."""
        return cls.fit is not Model.fit

    def fit(self, faces: Iterable[Batch]) -> None:
        """Learn what no optimizer is needed for, from all training faces once, before the first stage.

        faces: batches of whole crops at the dataset's size, each face once. What it learns it keeps in buffers; one
        that is registered empty takes the shape with which it was saved.
        """

    def stages(self) -> Sequence[Stage]:
        """How training goes. Only the last may be without an end. None at all: there is nothing to train by steps."""
        return ()

    def optimizer(self, phase: str) -> Optimizer:
        """A new optimizer over the parameters that this phase trains. Every model with stages has one."""
        raise NotImplementedError(f"{type(self).__name__} has stages, and no optimizer({phase!r})")

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The phase's losses on a batch: {"loss": scalar to step on, other scalars to log}. Every model with stages
        has it.

        Nobody of the run's people is sure to be in a batch. Random numbers come from torch's global generator, which
        the loop seeds before each step. In evaluation mode (validation) it is called without gradients.
        """
        raise NotImplementedError(f"{type(self).__name__} has stages, and no forward()")

    def after_step(self, phase: str) -> None:
        """Called after each optimizer step of a phase: the place for a moving average of the weights."""

    def prepare(self, given: Given, done: Callable[[], object]) -> None:
        """Do what drawing a reference takes once, before their first face; done is called after each step of it.

        For what takes long, so that it has a progress bar. What `generate` draws is the same without it. Nothing, if a
        model does not say otherwise. Raises MienError as `generate`.
        """

    @abstractmethod
    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        """Draw the faces of a batch: float32 (N, 3, T, T) in [-1, 1], RGB, or `Generated` with masks of its own.

        batch: crops at the last stage's resolution, or at their own size if there are no stages; it says what each face
        does. target: who each is to be, a row for each of the batch; of one of the kinds in `targets`. T is any side,
        the area is that of the crop. The same batch and target give the same images, and a face's image does not
        depend on the other rows.
        """

    @property
    def resolution(self) -> int | None:
        """Side of the crops that `generate` is given: that of the last stage; None: as large as they are cut."""
        stages = self.stages()
        return stages[-1].resolution if stages else None
