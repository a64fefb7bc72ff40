"""Whom each face of a scene is to be drawn as; several kinds may stand side by side in one scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import torch

from mien.contracts.target import Given, Known, Reference, Synthetic, Target, TargetKind
from mien.errors import MienError


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """One of the people that the run was trained on."""

    kind: ClassVar[TargetKind] = "known"
    index: int
    """As in `Known.people`."""


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """Somebody who does not exist."""

    kind: ClassVar[TargetKind] = "synthetic"
    id: int
    """As in `Synthetic.ids`."""


@dataclass(frozen=True, slots=True)
class ReferencePerson:
    """Somebody whom images show."""

    kind: ClassVar[TargetKind] = "reference"
    given: Given


FaceTarget: TypeAlias = KnownPerson | SyntheticPerson | ReferencePerson
"""Whom one face is to be drawn as."""


def as_target(people: Sequence[FaceTarget]) -> Target:
    """The target of a batch whose rows are all to be drawn as people of one kind."""
    kinds = {person.kind for person in people}
    if len(kinds) != 1:
        raise ValueError(f"one kind of target a batch, not {sorted(kinds)}")
    if all(isinstance(person, KnownPerson) for person in people):
        return Known(torch.tensor([person.index for person in people if isinstance(person, KnownPerson)]))
    if all(isinstance(person, SyntheticPerson) for person in people):
        return Synthetic(torch.tensor([person.id for person in people if isinstance(person, SyntheticPerson)]))
    given = [person.given for person in people if isinstance(person, ReferencePerson)]
    # By identity: the same person stands there once, however many faces become theirs.
    different = list({id(reference): reference for reference in given}.values())
    numbers = {id(reference): number for number, reference in enumerate(different)}
    return Reference(torch.tensor([numbers[id(reference)] for reference in given]), tuple(different))


def facts_of_target(target: FaceTarget) -> tuple[object, ...]:
    """Values by which it is known whether two calls draw the same person."""
    if not isinstance(target, ReferencePerson):
        return (target.kind, target.index if isinstance(target, KnownPerson) else target.id)
    shown = (target.given.encoding, target.given.faces.images)
    return (target.kind, *(tensor.cpu().numpy().tobytes() for tensor in shown))


def synthetic_id(seed: int, file: str, person: int) -> int:
    """The number of the synthetic person as whom a person of a file is drawn, in [0, 2⁶³).

    seed: other people with another seed; at least 0. file: its path below the input, with slashes; so the same footage
    in another place gets the same people. person: the number of the person within the file.
    """
    # The key keeps seed, path and person apart: SeedSequence takes a longer entropy for a shorter one with zeros.
    sequence = np.random.SeedSequence(seed, spawn_key=(*file.encode("utf-8", "surrogateescape"), person))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def check_seed(seed: int) -> None:
    """Raises MienError if a seed is negative."""
    if seed < 0:
        raise MienError(f"The seed {seed} is negative.", "--seed 0")
