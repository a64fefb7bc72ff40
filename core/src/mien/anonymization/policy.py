"""What anonymizing was asked to do: the same for all files."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from os import getpid, replace
from pathlib import Path
from typing import Literal, get_args

from mien.errors import MienError
from mien.inference.jobs import Job
from mien.inference.report import Check
from mien.inference.target import SyntheticPerson, synthetic_id
from mien.media.files import whole_file
from mien.tracking.recognizer import Recognizer

Missing = Literal["hide", "refuse", "keep"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is to become of every face, and of what is no face for sure."""

    seed: int
    """Other people with another seed."""
    missing: Missing
    margin_seconds: float
    sound: bool
    max_verified: float | None
    """None: what is drawn is not compared with what was there."""
    recognizer: Recognizer | None
    """Tells people apart; None if nothing that is installed does."""
    source: Path
    """What the user named as input."""
    output: Path
    """What the user named as output."""

    def check_values(self) -> None:
        """Raises MienError for a value that is none of those allowed."""
        if self.missing not in get_args(Missing):
            raise MienError(f"missing={self.missing!r} is none of {', '.join(get_args(Missing))}.", "--missing hide")
        if not 0 <= self.margin_seconds < float("inf"):
            raise MienError(f"A margin of {self.margin_seconds} s is no time.", "--margin 1")
        if self.max_verified is not None and not 0 <= self.max_verified <= 1:
            raise MienError(f"A share of {self.max_verified} is not between 0 and 1.", "--max-verified 0")

    @property
    def checks(self) -> Recognizer | None:
        """What compares new faces with those that were there; None if they are not to be compared, or cannot be."""
        return None if self.max_verified is None else self.recognizer

    def synthetic_person(self, job: Job, person: int) -> SyntheticPerson:
        """The synthetic person as whom a person of a file is drawn."""
        root = self.source if self.source.is_dir() else self.source.parent
        return SyntheticPerson(synthetic_id(self.seed, job.source.path.relative_to(root).as_posix(), person))

    def fails(self, check: Check | None) -> bool:
        """Whether too many of the new faces are still those whom they replace."""
        return check is not None and self.max_verified is not None and check.share_verified > self.max_verified

    def put_in_place(self, draft: Path, job: Job, check: Check | None) -> tuple[Path | None, Path | None, str]:
        """Move what was written to where it belongs: to the output, or beside it if the check failed.

        Returns the output, where it was put instead, and why. Raises MienError if it cannot be moved.
        """
        if check is None or not self.fails(check):
            _move(draft, job.output)
            return job.output, None, ""
        aside = self._aside(job.output)
        _move(draft, aside)
        why = MienError(
            f"{job.output} was not written: {check.verified} of {check.faces} faces looked at are still taken for the "
            f"person who was filmed (distance down to {check.smallest_distance:.2f}; the same person below "
            f"{check.same_person_below:g}). Look at it in {aside}.",
            f"--seed {self.seed + 1}, a run of other people, or --max-verified {check.share_verified:.2f}",
        )
        return None, aside, str(why)

    def _aside(self, output: Path) -> Path:
        """Where what was rejected goes: beside the user's OUTPUT, never into it, and never over another file."""
        marks = chain([".rejected"], (f".rejected-{number}" for number in count(2)))
        return next(path for mark in marks if not (path := self._marked(output, mark)).exists())

    def _marked(self, output: Path, mark: str) -> Path:
        if output == self.output:
            return output.with_name(f"{output.stem}{mark}{output.suffix}")
        return self.output.with_name(self.output.name + mark) / output.relative_to(self.output)


@contextmanager
def unchecked(output: Path) -> Iterator[Path]:
    """A path beside the output to write to until it is known whether it may stay; what is left of it is removed.

    What goes wrong is told as if the output itself were written.
    """
    draft = output.with_name(f"{output.stem}.unchecked-{getpid()}{output.suffix}")
    try:
        yield draft
    except MienError as error:
        told, fix = (text.replace(str(draft), str(output)) for text in (error.message, error.fix))
        raise MienError(told, fix) from error.__cause__
    finally:
        with suppress(OSError):  # what the user has to hear is why it was not written
            draft.unlink(missing_ok=True)


def _move(draft: Path, to: Path) -> None:
    with whole_file(to) as partial:
        replace(draft, partial)
