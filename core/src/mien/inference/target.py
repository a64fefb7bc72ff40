"""Whom faces are drawn as: one person of the run, or people who do not exist."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.contracts.model import Model
from mien.errors import MienError


class Whom(ABC):
    """Whom a run is to draw."""

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """What `Model.generate` is asked for."""

    @property
    @abstractmethod
    def action(self) -> str:
        """What is done, as the provenance label says it."""

    @abstractmethod
    def check(self, model: Model, run: Path) -> None:
        """Raises MienError if the run's model cannot draw that."""


@dataclass(frozen=True, slots=True)
class OnePerson(Whom):
    """All faces as one of the people that the run was trained on."""

    name: str

    @property
    def identity(self) -> str:
        """The person's name."""
        return self.name

    @property
    def action(self) -> str:
        """As a sentence for people."""
        return f"faces drawn as {self.name}"

    def check(self, model: Model, run: Path) -> None:
        """Raises MienError if the run does not know the person, or if its model invents people."""
        if not model.swaps:
            raise MienError(
                f"The model of {run} draws people who do not exist; it cannot draw {self.name!r}.",
                f"mien anonymize INPUT OUTPUT --run {run}",
            )
        model.identity_index(self.name)


@dataclass(frozen=True, slots=True)
class Strangers(Whom):
    """Every person as one who does not exist.

    seed: other people with another seed; at least 0.
    """

    seed: int

    @property
    def identity(self) -> None:
        """None: nobody of the run."""
        return

    @property
    def action(self) -> str:
        """As a sentence for people, with what is needed to do the same again."""
        return f"faces drawn as people who do not exist, seed {self.seed}"

    def check(self, model: Model, run: Path) -> None:
        """Raises MienError if the run's model invents nobody, or the seed is negative."""
        if not model.invents:
            known = model.inputs.identities
            raise MienError(
                f"The model of {run} draws the people it was trained on ({', '.join(known)}) and invents nobody.",
                f"mien swap {run} INPUT OUTPUT --to {known[0]}",
            )
        if self.seed < 0:
            raise MienError(f"The seed {self.seed} is negative.", "--seed 0")

    def number(self, file: str, person: int) -> int:
        """The number of the stranger as whom a person of a file is drawn, in [0, 2**63), as in `Batch.strangers`.

        file: its path below the input, with slashes; so the same footage in another place gets the same strangers.
        person: the number of the person within the file.
        """
        # The key keeps seed, path and person apart: SeedSequence takes a longer entropy for a shorter one with zeros.
        sequence = np.random.SeedSequence(self.seed, spawn_key=(*file.encode("utf-8", "surrogateescape"), person))
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
