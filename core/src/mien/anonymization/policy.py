"""What anonymizing was asked to do: the same for all files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mien.anonymization.search import FaceSearch, Search
from mien.anonymization.staged_output import StagedOutput
from mien.anonymization.verification import LeakSearch
from mien.errors import MienError
from mien.inference.jobs import Job
from mien.inference.report import Check
from mien.inference.target import SyntheticPerson, synthetic_id
from mien.tracking.recognizer import Recognizer

Missing = Literal["hide", "refuse", "keep"]
DEFAULT_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class AnonymizeOptions:
    """What becomes of faces, and of frames in which a face may have been missed. See `mien.anonymize`.

    Raises MienError for a value that is not allowed.
    """

    missing: Missing = "hide"
    """What becomes of an image or frame in which no face was found, and of a frame in which a face was not found that
    is seen before and after it in the same shot. "hide": all of it is hidden. "refuse": nothing is written. "keep": it
    stays as it is."""
    margin_seconds: float = DEFAULT_MARGIN_SECONDS
    """So long before a face is found first and after it was found last in a shot its surroundings are hidden, unless
    `missing` is "keep", since it may be there without being found. What is hidden never covers half a face: it grows
    over every face that it touches."""
    search: Search = "fast"
    """How the frames of a video are searched, see `FaceSearch.video`: "fast" in full about three times a second, and
    whenever a face appears or is lost; "thorough" in full each. Images are searched from several sides by either."""
    check: bool = True
    """Whether what was written is searched for faces that are still there, and new faces are compared with the original
    ones, in up to 50 frames of each file. Where a face is found the file is written once more, with it hidden."""
    max_verified: float = 0.0
    """If more than this share of the new faces, in [0, 1], is still taken for the original person, the file is not put
    in its place but beside the output, with ".rejected" in its name, and counts as failed."""
    sound: bool = True
    """Whether videos keep theirs; voices tell who speaks."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.missing not in get_args(Missing):
            raise MienError(
                f"--missing must be one of {', '.join(get_args(Missing))}, not {self.missing!r}.", "--missing hide"
            )
        if self.search not in get_args(Search):
            raise MienError(
                f"--search must be one of {', '.join(get_args(Search))}, not {self.search!r}.", "--search thorough"
            )
        if not 0 <= self.margin_seconds < float("inf"):
            raise MienError(f"--margin must be 0 or more seconds, not {_shown(self.margin_seconds)}.", "--margin 1")
        if not 0 <= self.max_verified <= 1:
            raise MienError(
                f"--max-verified must be a share from 0 to 1, not {_shown(self.max_verified)}.", "--max-verified 0"
            )


@dataclass(frozen=True, slots=True)
class Policy:
    """The options, and what is needed to follow them for the files of one call."""

    options: AnonymizeOptions
    seed: int
    """Another seed, other people."""
    recognizer: Recognizer | None
    """Tells people apart; None if no installed feature does."""
    search: FaceSearch
    """What finds faces."""
    leak_search: LeakSearch | None
    """What searches what was written; None: nothing does."""
    source: Path
    """What the user named as input."""
    outputs: StagedOutput

    @property
    def verifier(self) -> Recognizer | None:
        """What compares new faces with the original ones; None if they are not to be compared, or cannot be."""
        return self.recognizer if self.options.check else None

    def synthetic_person(self, job: Job, person: int) -> SyntheticPerson:
        """The synthetic person as whom a person of a file is drawn."""
        root = self.source if self.source.is_dir() else self.source.parent
        return SyntheticPerson(synthetic_id(self.seed, job.source.path.relative_to(root).as_posix(), person))

    def put_in_place(
        self, draft: Path, job: Job, check: Check | None, leaks: int = 0
    ) -> tuple[Path | None, Path | None, str]:
        """Move a draft to the output, or beside it if faces are still there, or too many still the original ones.

        leaks: how many faces the last check has found that nobody hid.
        Returns the output, where a rejected draft was put instead, and why. Raises MienError if it cannot be moved.
        """
        if leaks:
            aside = self.outputs.reject(draft, job.output)
            still_there = MienError(
                f"{job.output} was not written: it still shows {leaks} face{'s' if leaks > 1 else ''} that the search "
                f"had missed, also after they were hidden once. It was put in {aside}.",
                "--search thorough, or --extractor NAME+NAME with one that finds them",
            )
            return None, aside, str(still_there)
        if check is None or check.share_verified <= self.options.max_verified:
            return self.outputs.accept(draft, job.output), None, ""
        aside = self.outputs.reject(draft, job.output)
        why = MienError(
            f"{job.output} was not written: {check.verified} of {check.faces} compared faces are still taken for the "
            f"person who was filmed (distance down to {check.smallest_distance:.2f}; the same person below "
            f"{check.same_person_below:g}). It was put in {aside}.",
            f"--seed {self.seed + 1}, another --with, or --max-verified {check.share_verified:.2f}",
        )
        return None, aside, str(why)


def _shown(number: float) -> str:
    return f"{number:g}".replace("-", "−")
