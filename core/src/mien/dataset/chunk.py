"""What a worker process is given to do, and the reasons it may have for dropping something."""

from dataclasses import dataclass
from pathlib import Path

from mien.media.discovery import SourceKind

NO_FACE = "no face"
UNREADABLE = "unreadable"
FAILED = "failed"
ANOTHER_PERSON = "another person"
NOT_LARGEST = "not the largest face"
NO_LANDMARKS = "no landmarks"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An image or video, and what tells whether it has changed."""

    path: Path
    name: str
    """As the index says it: relative to raw/, or absolute."""
    kind: SourceKind
    size: int
    """Bytes."""
    mtime_ns: int
    reason: str = ""
    """Why it is unreadable, if that is its kind."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of work for one process: some images, or some frames of one video."""

    key: str
    """Of all that decides the result; the shard is named so."""
    sources: tuple[SourceFile, ...]
    frames: tuple[int, int] | None = None
    """First frame and the one after the last; None for images, and for a video that does not open."""

    @property
    def images(self) -> int:
        """How many images or frames there are to do."""
        return self.frames[1] - self.frames[0] if self.frames else len(self.sources)

    def __str__(self) -> str:
        if self.frames:
            return f"{self.sources[0].name}, frames {self.frames[0]} to {self.frames[1] - 1}"
        if len(self.sources) == 1:
            return self.sources[0].name
        return f"{len(self.sources)} images from {self.sources[0].name} to {self.sources[-1].name}"
