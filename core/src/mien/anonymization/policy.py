"""What anonymizing was asked to do: the same for all files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.casting import Casting, Seen
from mien.anonymization.file_provenance import FileProvenance
from mien.anonymization.methods import Methods
from mien.anonymization.people_policy import PeoplePolicy
from mien.anonymization.pseudonyms import Pseudonyms
from mien.anonymization.search import FaceSearch, Search
from mien.anonymization.staged_output import StagedOutput
from mien.anonymization.treatment import Treatment
from mien.anonymization.verification import FRAMES_CHECKED, HIDDEN_COMPARED, HIDDEN_LIMIT, LeakSearch
from mien.contracts.face import RgbImage
from mien.counted import counted
from mien.errors import MienError
from mien.evaluation.expression_judge import ExpressionJudge
from mien.inference.jobs import Job
from mien.inference.report import Check
from mien.inference.scene import Scene
from mien.inference.target import FaceTarget, SyntheticPerson
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

T = TypeVar("T")
Missing = Literal["hide", "refuse", "keep"]
DEFAULT_MARGIN_SECONDS = 1.0
_MOST_HIDDEN = "--with solid"
"""By it nothing is left of a face."""


@dataclass(frozen=True, slots=True)
class AnonymizeOptions:
    """What becomes of faces, and of frames in which a face may have been missed. See `mien.anonymize`.

    Raises MienError for a value that is not allowed.
    """

    keep: Sequence[Path] = ()
    """Images of people who stay visible, one face in each. Whoever is not surely one of them is anonymized."""
    only: Sequence[Path] = ()
    """Images of those alone who are anonymized, one face in each. Whoever may be one of them is, too."""
    people: Path | PeoplePolicy | None = None
    """What is to become of whom, instead of these two: a TOML file, or the same in Python. None: all are anonymized."""
    key: Path | None = None
    """A file with a secret key, by which people are the same synthetic person in all calls with it; see `KeyedPeople`
    for what is stored beside it. None: the seed says who; people are the same in all files of this call."""
    missing: Missing = "hide"
    """What becomes of an image or frame in which no face was found, and of a frame in which a face was not found that
    is seen before and after it in the same shot. "hide": all of it is hidden. "refuse": nothing is written. "keep": it
    stays as it is."""
    margin_seconds: float = DEFAULT_MARGIN_SECONDS
    """So long before a face is found first and after it was found last in a shot its surroundings are hidden, unless
    `missing` is "keep", since it may be there without being found. What is hidden never covers half a face: it grows
    over every face that it touches, but for those drawn anew of which it covers less than a quarter."""
    search: Search = "fast"
    """How the frames of a video are searched, see `FaceSearch.video`: "fast" in full about three times a second, and
    whenever a face appears or is lost; "thorough" in full each. Images are searched from several sides by either."""
    check: bool = True
    """Whether what was written is searched for faces that are still there, and new faces are compared with the original
    ones, in up to 50 frames of each file (10 where all are only hidden); it is searched in three a second at most.
    Where a face is found the file is written once more, with it hidden."""
    max_verified: float = 0.0
    """If more than this share of the new faces, in [0, 1], is still taken for the original person, the file is not put
    in its place but beside the output, with ".rejected" in its name, and counts as failed."""
    sound: bool = True
    """Whether videos keep theirs; voices tell who speaks."""

    def __post_init__(self) -> None:
        """Check the values."""
        chosen = [flag for flag, value in (("--keep", self.keep), ("--only", self.only), ("--policy", self.people))
                  if value]  # fmt: skip
        if len(chosen) > 1:
            raise MienError(
                f"{' and '.join(chosen)} together do not say what becomes of everybody else.",
                "--policy FILE, which says it of each and of everybody else",
            )
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

    @property
    def reads(self) -> tuple[Path, ...]:
        """The files that are read, but for those that a policy names."""
        policy = self.people if isinstance(self.people, Path) else None
        return (*self.keep, *self.only, *filter(None, (policy, self.key)))


@dataclass(frozen=True, slots=True)
class Targets:
    """As whom the people of one file are drawn."""

    methods: Methods
    ids: Mapping[int, int]
    """Person → number of the synthetic one."""
    notes: tuple[str, ...] = ()
    """What a user should know of it, as sentences without an end."""
    known: frozenset[int] = frozenset()
    """Who is drawn by the same number in other files already."""

    def scene(self, image: RgbImage, faces: Iterable[TrackedFace], context: T, frame: int | None = None) -> Scene[T]:
        """An image with those of its faces that are to be drawn, and can be. frame: its number, see `Scene.frame`."""
        drawn = self.methods.drawable(faces)
        return Scene(image, drawn, context, [self.of(face) for face in drawn], frame)

    def of(self, face: TrackedFace) -> FaceTarget:
        """As whom a face is drawn that is to be."""
        return self.methods.methods[face.method].target or SyntheticPerson(self.ids[face.track])


@dataclass(frozen=True, slots=True)
class Policy:
    """The options, and what is needed to follow them for the files of one call."""

    options: AnonymizeOptions
    seed: int
    """Another seed, other people."""
    methods: Methods
    """What draws faces."""
    treatment: Treatment
    """Which method draws whom."""
    pseudonyms: Pseudonyms
    """Who is which synthetic person."""
    recognizer: Recognizer | None
    """Tells people apart; None if no installed feature does."""
    expressions: ExpressionJudge | None
    """Measures what faces do; None if no installed feature does, or nobody synthetic is drawn."""
    search: FaceSearch
    """What finds faces."""
    leak_search: LeakSearch | None
    """What searches what was written; None: nothing does."""
    source: Path
    """What the user named as input."""
    outputs: StagedOutput
    provenance: FileProvenance
    """What the files say of their making."""
    chosen: tuple[str, ...] = ()
    """The options that choose how faces are set in, as `--blender poisson`, if any were given."""

    @property
    def verifier(self) -> Recognizer | None:
        """What compares new faces with the original ones; None if they are not to be compared, or cannot be."""
        return self.recognizer if self.options.check else None

    @property
    def frames_compared(self) -> int:
        """In how many frames of a video, at most, faces are compared with the original ones."""
        return FRAMES_CHECKED if self.methods.draw_anybody else HIDDEN_COMPARED

    def check_of(self, distances: Sequence[float], recognizer: Recognizer) -> Check:
        """What the comparison of new faces with the original ones says."""
        limit = recognizer.same_person_below * (1.0 if self.methods.draw_anybody else HIDDEN_LIMIT)
        return Check(tuple(distances), limit)

    @property
    def encodes_images(self) -> bool:
        """Whether it matters who somebody in an image is, apart from what is compared afterwards."""
        return self.recognizer is not None and (self.treatment.known is not None or self.pseudonyms.remembers)

    def targets(
        self, job: Job, encodings: Mapping[int, NDArray[np.float32]], seen: Mapping[int, Sequence[Seen]]
    ) -> "Targets":
        """As whom the people of a file are drawn. encodings: person → float32 (K, D), all who are not kept. seen: some
        of their faces, by which they get somebody who is not like them; asked for at most once each, in the order of
        `encodings`."""
        root = self.source if self.source.is_dir() else self.source.parent
        file = job.source.path.relative_to(root).as_posix()
        casting = Casting(self.methods, self.recognizer, self.expressions)

        others: list[int] = []
        before = {known.id for known in self.pseudonyms.known}

        def choose(person: int, number: int, is_used: bool) -> int:
            chosen = casting.choose(number, seen.get(person, ()), is_used=is_used)
            if is_used and chosen != number:
                others.append(person)
            return chosen

        ids = self.pseudonyms.of_file(file, encodings, choose)
        again = frozenset(person for person, number in ids.items() if number in before)
        return Targets(self.methods, ids, (_changed_note(len(others)),) if others else (), again)

    def recast(self, targets: Targets, seen: Mapping[int, Sequence[Seen]]) -> Targets:
        """The same with other synthetic people for those who are still taken for themselves.

        seen: some faces of each of them, those by which they are among them. Who is drawn as nobody synthetic stays as
        they are. Raises MienError if a plugin fails.
        """
        casting = Casting(self.methods, self.recognizer, self.expressions)
        ids, changed = dict(targets.ids), []
        for person in sorted(seen):
            number = ids[person]
            ids[person] = casting.choose(number, seen[person], without={number})
            if ids[person] != number:
                self.pseudonyms.rename(number, ids[person])
                changed.append(person)
        if not changed:
            return targets
        note = (
            f"drawn a second time, with another new face for {_so_many(len(changed))}: the first was still taken for "
            "who was filmed"
        )
        others = targets.known.intersection(changed)
        notes = (*targets.notes, note, *([_changed_note(len(others))] if others else ()))
        return Targets(self.methods, ids, notes, targets.known - others)

    def is_too_near(self, check: Check | None) -> bool:
        """Whether too many new faces are still taken for the original ones."""
        return check is not None and check.share_verified > self.options.max_verified

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
                f"{job.output} was not written: it still shows {counted(leaks, 'face')} that the search "
                f"had missed, also after they were hidden once. It was put in {aside}.",
                "--search thorough, or --extractor NAME+NAME with one that finds them",
            )
            return None, aside, str(still_there)
        if check is None or not self.is_too_near(check):
            return self.outputs.accept(draft, job.output), None, ""
        aside = self.outputs.reject(draft, job.output)
        ways = self._ways_to_hide()
        look = f"{'or look' if ways else 'Look'} at {aside}"
        ways.append(f"{look}, and if nobody is known there: --max-verified {check.share_verified:.2f}")
        why = MienError(
            f"{job.output} was not written: {check.verified} of {counted(check.faces, 'compared face')} "
            f"{'is' if check.verified == 1 else 'are'} still taken for the person who was filmed (distance down to "
            f"{check.smallest_distance:.2f}; the same person below {check.same_person_below:g}). "
            f"It was put in {aside}.",
            "; ".join(ways),
        )
        return None, aside, str(why)

    def _ways_to_hide(self) -> list[str]:
        """What else may hide faces that are still taken for the original ones."""
        ways = [f"Leave out {' and '.join(self.chosen)}"] if self.chosen else []
        if self.methods.draw_anybody:
            return [*ways, "--new-key FILE" if self.options.key else f"--seed {self.seed + 1}", "another --with"]
        # Another seed hides nobody in another way.
        given = {f"--with {method.session.run.record.model.partition(':')[0]}" for method in self.methods.methods}
        return ways if given == {_MOST_HIDDEN} else [*ways, _MOST_HIDDEN]


def _so_many(people: int) -> str:
    return "somebody" if people == 1 else f"{people} people"


def _changed_note(people: int) -> str:
    """What is said where so many people get another new face than in the files before."""
    who = _so_many(people)
    return f"from here on another new face for {who} seen before: the one before was too near to their own here"


def _shown(number: float) -> str:
    return f"{number:g}".replace("-", "−")
