"""What came of a swap, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


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
    """What came of one picture or video."""

    source: Path
    output: Path | None
    """None if it failed: then nothing was written."""
    frames: int = 0
    """1 for a picture."""
    faces: int = 0
    """Faces drawn, over all frames."""
    bridged: int = 0
    """Those of them that the extractor had missed: their landmarks are interpolated between the frames around."""
    missed: tuple[FrameRange, ...] = ()
    """Frames that are as they were: no face was found in them, or not the one that was asked for."""
    incomplete: tuple[FrameRange, ...] = ()
    """Frames in which something was drawn, but a face that was seen before and after was not found: it stays as it was.
    """
    failure: str = ""
    """Why it failed, and what to do."""

    @property
    def frames_missed(self) -> int:
        """How many frames nothing was drawn in."""
        return _length(self.missed)

    @property
    def frames_incomplete(self) -> int:
        """How many frames a face was missing in, while something was drawn."""
        return _length(self.incomplete)


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What came of all files, and how long it took."""

    files: tuple[FileReport, ...]
    seconds: float
    """From beginning to end, without opening the run."""
    stage_seconds: dict[str, float]
    """decode, extract, draw, blend, encode: seconds at work, over all threads. Stages overlap, so the sum may be more
    than `seconds`."""

    @property
    def frames(self) -> int:
        """Pictures and frames written."""
        return sum(file.frames for file in self.files)

    @property
    def faces(self) -> int:
        """Faces drawn."""
        return sum(file.faces for file in self.files)

    @property
    def bridged(self) -> int:
        """Faces drawn where the extractor had missed them."""
        return sum(file.bridged for file in self.files)

    @property
    def frames_missed(self) -> int:
        """Pictures and frames in which nothing was drawn."""
        return sum(file.frames_missed for file in self.files)

    @property
    def frames_incomplete(self) -> int:
        """Frames in which something was drawn, but a face seen before and after was not found."""
        return sum(file.frames_incomplete for file in self.files)

    @property
    def frames_per_second(self) -> float:
        """Over the whole time."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def failures(self) -> dict[Path, str]:
        """Files that were not written, and why."""
        return {file.source: file.failure for file in self.files if file.failure}


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
