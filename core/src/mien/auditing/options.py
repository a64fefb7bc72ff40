"""How an output is audited."""

from dataclasses import dataclass
from pathlib import Path

from mien.errors import MienError
from mien.media.part import WHOLE, Part


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How faces of an output are searched and compared with those of its original. See `mien.audit`.

    Raises MienError for a value that is not allowed.
    """

    extractor: str | None = None
    """What finds faces in both, as a plugin choice or several joined by `+`; None: all that are installed and, as far
    as the output's Content Credentials say, took no part in making it."""
    recognizer: str | None = None
    """The feature that tells people apart; None: one that took no part, if there is one."""
    judges: tuple[str, ...] | None = None
    """Further recognizers: how many faces each still recognizes is reported, and is no leak. None: all that are
    installed and, as far as the Content Credentials say, took no part."""
    keep: tuple[Path, ...] = ()
    """Images of people, one face in each, who were to stay visible: their faces are no leaks."""
    every: int = 1
    """Every so many frames of a video are audited."""
    most_frames: int | None = None
    """Of each video at most so many frames, spread over it; None: all."""
    frames: tuple[int, ...] = ()
    """Frames of a video, from 0, that are audited beside these, whatever `every` and `most_frames` say."""
    part: Part = WHOLE
    """Of an original that is a video, the part of which the output was made."""
    least_score: float = 0.5
    """Faces that the extractor is less sure of, in [0, 1], are listed as doubtful and do not count as leaks."""
    threads: int | None = None
    """So many threads search at once; None: one for each core."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.every < 1:
            raise MienError(f"--every must be 1 or more, not {self.every}.", "--every 1")
        if self.most_frames is not None and self.most_frames < 1:
            raise MienError(f"At least one frame has to be audited, not {self.most_frames}.", "--every 10")
        if not 0 <= self.least_score <= 1:
            raise MienError(f"--least-score must be from 0 to 1, not {self.least_score:g}.", "--least-score 0.5")
