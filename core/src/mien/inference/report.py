"""What came of swapping or anonymizing, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mien.imaging.seam import SeamScore
from mien.tracking.recognizer_record import RecognizerRecord


@dataclass(frozen=True, slots=True)
class BlenderScore:
    """How one blender did."""

    blender: str
    seam: SeamScore | None = None
    """The mean over the faces that it was tried on; None if it was tried on none."""
    left_out: str = ""
    """Why it may not be chosen; empty if it may."""


@dataclass(frozen=True, slots=True)
class BlenderComparison:
    """What came of trying the blenders."""

    chosen: str
    why: str
    """In a sentence."""
    scores: tuple[BlenderScore, ...]
    """The lowest first; those that were left out come last."""
    faces: int
    """How many faces they were tried on."""
    sheet: Path | None
    """The faces as each blender sets them in, as an image; None if there were none."""


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames of a video that follow each other."""

    first: int
    last: int
    """Included."""

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


@dataclass(frozen=True, slots=True)
class FileReport:
    """What came of one image or video."""

    source: Path
    output: Path | None
    """None if it failed: then nothing was written."""
    frames: int = 0
    """1 for an image."""
    faces: int = 0
    """Faces drawn, over all frames."""
    interpolated: int = 0
    """Those of them whose landmarks are interpolated between frames, since the extractor missed them."""
    undrawn: int = 0
    """Faces found that were not drawn, since their points do not suffice: swap leaves them, anonymize hides them."""
    no_face: tuple[FrameRange, ...] = ()
    """Frames in which nothing was drawn: no face was found, or not the one that was asked for."""
    partial: tuple[FrameRange, ...] = ()
    """Frames in which a face was drawn, but another that is seen before and after was not found: it stays as it was."""
    notes: tuple[str, ...] = ()
    """What of the source, besides faces, is left out of the output or changed in it, as sentences without an end."""
    failure: str = ""
    """Why it failed, and what to do."""

    @property
    def frames_no_face(self) -> int:
        """How many frames nothing was drawn in."""
        return _length(self.no_face)

    @property
    def frames_partial(self) -> int:
        """How many frames a face was missing in, while something was drawn."""
        return _length(self.partial)


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What came of all files, and how long it took."""

    files: tuple[FileReport, ...]
    seconds: float
    """From beginning to end, without opening the run."""
    stage_seconds: dict[str, float]
    """decode, extract, draw, blend, encode, check when anonymizing, and choose when blenders were compared: seconds at
    work, over all threads. Stages overlap, so the sum may be more than `seconds`."""
    blender: str = ""
    """What set the faces in, as a plugin choice."""
    comparison: BlenderComparison | None = None
    """How it was chosen; None if it was named."""
    recognizer: RecognizerRecord | None = None
    """What told people apart; None: nothing did."""
    passed_over: tuple[Path, ...] = ()
    """Files in the folder that are neither images nor videos, and folders that are only linked to."""

    @property
    def frames(self) -> int:
        """Images and frames written."""
        return sum(file.frames for file in self.files)

    @property
    def faces(self) -> int:
        """Faces drawn."""
        return sum(file.faces for file in self.files)

    @property
    def interpolated(self) -> int:
        """Faces drawn where the extractor had missed them."""
        return sum(file.interpolated for file in self.files)

    @property
    def undrawn(self) -> int:
        """Faces found that were not drawn, since their points do not suffice."""
        return sum(file.undrawn for file in self.files)

    @property
    def frames_no_face(self) -> int:
        """Images and frames in which nothing was drawn."""
        return sum(file.frames_no_face for file in self.files)

    @property
    def frames_partial(self) -> int:
        """Frames in which something was drawn, but a face seen before and after was not found."""
        return sum(file.frames_partial for file in self.files)

    @property
    def frames_per_second(self) -> float:
        """Over the whole time."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def failures(self) -> dict[Path, str]:
        """Files that were not written, and why."""
        return {file.source: file.failure for file in self.files if file.failure}


@dataclass(frozen=True, slots=True)
class Check:
    """How many of the new faces are still taken for the original ones."""

    distances: tuple[float, ...]
    """How far each new face lies from the one that was at its place in the same frame, in the space of encodings."""
    same_person_below: float
    """Below this distance it is the same person."""

    @property
    def faces(self) -> int:
        """How many faces were compared."""
        return len(self.distances)

    @property
    def verified(self) -> int:
        """How many of them are still the same person."""
        return sum(distance < self.same_person_below for distance in self.distances)

    @property
    def share_verified(self) -> float:
        """In [0, 1]; 0 if none was compared."""
        return self.verified / self.faces if self.faces else 0.0

    @property
    def smallest_distance(self) -> float | None:
        """None if none was compared."""
        return min(self.distances, default=None)


@dataclass(frozen=True, slots=True)
class AnonymizedFile(FileReport):
    """What came of anonymizing one image or video.

    `no_face` and `partial` are what the extractor did not find; those frames are as they were only if they are not in
    `hidden` as well. If too many faces are still taken for the person who was filmed, `failure` says so.
    """

    people: int = 0
    """How many people of the file were hidden, or are drawn as somebody else."""
    synthetic_ids: frozenset[int] = frozenset()
    """The numbers of those who do not exist, as whom some of them are drawn."""
    doubtful: int = 0
    """How many of the `undrawn` ones only may be faces; the others lack the landmarks to be drawn by."""
    found: tuple[int, ...] = ()
    """Which of the people who were named by images are surely in it, as numbers in `AnonymizeReport.named`."""
    kept: int = 0
    """Faces that stay as they are, over all frames, since somebody said so."""
    hidden: tuple[FrameRange, ...] = ()
    """Frames that are hidden all over."""
    hidden_in_part: tuple[FrameRange, ...] = ()
    """Frames in which a region is hidden: around a face that cannot be drawn, or was just lost, or is found soon after.
    """
    hidden_by_margin: tuple[FrameRange, ...] = ()
    """Those of them in which the place is hidden of what was found in frames before or after: for `margin_seconds`, or,
    of what may be a face, for a moment and between two finds."""
    sound: bool = False
    """Whether sound was kept, by which people may be known."""
    check: Check | None = None
    """How many new faces are still taken for the original ones; None: they were not compared."""
    leaks: int = 0
    """How many faces were found in what was written first; their surroundings are hidden in what was written then."""
    rejected: Path | None = None
    """Where it was put instead of the output, since too many are."""

    @property
    def frames_hidden(self) -> int:
        """How many frames are hidden all over."""
        return _length(self.hidden)

    @property
    def frames_hidden_in_part(self) -> int:
        """How many frames are hidden in part."""
        return _length(self.hidden_in_part)

    @property
    def unchanged(self) -> tuple[FrameRange, ...]:
        """Frames that are as they were: no face was found in them, and they were to be kept."""
        return () if self.hidden else self.no_face

    @property
    def partial_unchanged(self) -> tuple[FrameRange, ...]:
        """Frames in which a face that is seen before and after stays as it was, since it was not found."""
        return () if self.hidden else self.partial


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymizeReport(SwapReport):
    """What came of all files, and with which seed it comes again."""

    files: tuple[AnonymizedFile, ...]
    seed: int | None
    """None: a key says which people are drawn, or nobody synthetic is."""
    known_over_files: bool = False
    """Whether somebody who is drawn as a synthetic person is the same one in all files."""
    extractor: str = ""
    """What searched for faces, as a plugin choice."""
    measures: str = ""
    """An extractor beside it, by which faces get the landmarks that the method draws by; empty if it takes part."""
    named: tuple[Path, ...] = ()
    """Of each person who was named by images, to be kept or treated in a way of their own, the first image."""
    not_checked: str = ""
    """Why new faces were not compared with those that were there; empty if they were."""
    check_notes: tuple[str, ...] = ()
    """Why the search of what was written may find less than it could, as whole sentences."""

    @property
    def not_found(self) -> tuple[Path, ...]:
        """Those of `named` whom no file surely shows."""
        found = {number for file in self.files for number in file.found}
        return tuple(image for number, image in enumerate(self.named) if number not in found)

    @property
    def people(self) -> int:
        """People who were hidden, or are drawn as somebody else, over all files. Whoever is drawn as the same synthetic
        person in several files counts once, all others in each file (`counts_once`)."""
        drawn = frozenset[int]().union(*(file.synthetic_ids for file in self.files))
        return len(drawn) + sum(file.people - len(file.synthetic_ids) for file in self.files)

    @property
    def counts_once(self) -> bool:
        """Whether nobody may count several times in `people`, as somebody who is hidden in several files does."""
        apart = [file for file in self.files if file.people > (len(file.synthetic_ids) if self.known_over_files else 0)]
        return len(apart) <= 1

    @property
    def kept(self) -> int:
        """Faces that stay as they are, since somebody said so."""
        return sum(file.kept for file in self.files)

    @property
    def frames_hidden(self) -> int:
        """Images and frames that are hidden all over."""
        return sum(file.frames_hidden for file in self.files)

    @property
    def frames_hidden_in_part(self) -> int:
        """Images and frames in which a region is hidden."""
        return sum(file.frames_hidden_in_part for file in self.files)

    @property
    def leaks(self) -> int:
        """Faces that were found in what was written first, and then hidden."""
        return sum(file.leaks for file in self.files)

    @property
    def check(self) -> Check | None:
        """The checks of all files together; None if no faces were compared."""
        checks = [file.check for file in self.files if file.check]
        distances = tuple(distance for check in checks for distance in check.distances)
        return Check(distances, checks[0].same_person_below) if checks else None


def as_ranges(indices: Iterable[int]) -> tuple[FrameRange, ...]:
    """Ascending numbers as ranges of numbers that follow each other."""
    ranges: list[FrameRange] = []
    for index in indices:
        if ranges and ranges[-1].last == index - 1:
            ranges[-1] = FrameRange(ranges[-1].first, index)
        else:
            ranges.append(FrameRange(index, index))
    return tuple(ranges)


def _length(ranges: Iterable[FrameRange]) -> int:
    return sum(part.last - part.first + 1 for part in ranges)
