"""Whom a model is asked to draw: somebody it was trained on, somebody who does not exist, or somebody in a picture."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mien.contracts.model import Batch

TargetKind: TypeAlias = Literal["known", "synthetic", "reference"]
"""What a model says it can draw, in `Model.targets`."""


@dataclass(frozen=True, slots=True)
class Known:
    """People whom the run was trained on."""

    kind: ClassVar[TargetKind] = "known"
    people: Tensor
    """int64 (N,): for each row of the batch, which of `ModelInputs.people`."""

    def __len__(self) -> int:
        return len(self.people)

    def rows(self, chosen: Tensor) -> "Known":
        """The target of the chosen rows: a bool (N,) or int64 index tensor."""
        return Known(self.people[chosen])

    def to(self, device: torch.device | str) -> "Known":
        """The same on another device."""
        return Known(self.people.to(device))


@dataclass(frozen=True, slots=True)
class Synthetic:
    """People who do not exist."""

    kind: ClassVar[TargetKind] = "synthetic"
    ids: Tensor
    """int64 (N,), each in [0, 2⁶³): the same number is the same person in every batch and file. It also seeds whatever
    noise a model needs."""

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: Tensor) -> "Synthetic":
        """The target of the chosen rows: a bool (N,) or int64 index tensor."""
        return Synthetic(self.ids[chosen])

    def to(self, device: torch.device | str) -> "Synthetic":
        """The same on another device."""
        return Synthetic(self.ids.to(device))


@dataclass(frozen=True, slots=True)
class Given:
    """Somebody whom the run has never seen, as K images show them."""

    encoding: Tensor
    """float32 (D,): the mean of their encodings by the run's recognizer, at the length that its encodings usually
    have; D = 0 for a model that draws without (`Model.needs_encodings`)."""
    faces: "Batch"
    """Their K faces, as the model gets any faces."""

    def to(self, device: torch.device | str) -> "Given":
        """The same on another device."""
        return Given(self.encoding.to(device), self.faces.to(device))


@dataclass(frozen=True, slots=True)
class Reference:
    """People whom reference images show."""

    kind: ClassVar[TargetKind] = "reference"
    people: Tensor
    """int64 (N,): for each row of the batch, which of `given`."""
    given: tuple[Given, ...]

    def __len__(self) -> int:
        return len(self.people)

    def rows(self, chosen: Tensor) -> "Reference":
        """The target of the chosen rows: a bool (N,) or int64 index tensor."""
        return replace(self, people=self.people[chosen])

    def to(self, device: torch.device | str) -> "Reference":
        """The same on another device."""
        return Reference(self.people.to(device), tuple(one.to(device) for one in self.given))

    @property
    def encodings(self) -> Tensor:
        """float32 (N, D): the encoding of each row's person."""
        return torch.stack([one.encoding for one in self.given])[self.people]


Target: TypeAlias = Known | Synthetic | Reference


def known(target: Target) -> Known:
    """The target as one of people whom the run was trained on.

    Raises TypeError for another: the model draws no such.
    """
    if isinstance(target, Known):
        return target
    raise TypeError(f"a target of the kind {target.kind!r}, for a model that draws people it was trained on")


def synthetic(target: Target) -> Synthetic:
    """The target as one of people who do not exist. Raises TypeError for another: the model draws no such."""
    if isinstance(target, Synthetic):
        return target
    raise TypeError(f"a target of the kind {target.kind!r}, for a model that draws people who do not exist")


def reference(target: Target) -> Reference:
    """The target as one of people whom images show. Raises TypeError for another: the model draws no such."""
    if isinstance(target, Reference):
        return target
    raise TypeError(f"a target of the kind {target.kind!r}, for a model that draws a reference")
