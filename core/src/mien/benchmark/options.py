"""What a benchmark measures, and how often."""

from dataclasses import dataclass
from pathlib import Path

from mien.errors import MienError


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """See `mien.bench`. Raises MienError for a number that is not allowed."""

    frames: int = 48
    """So many of the clip's first frames go through each stage."""
    repeats: int = 3
    """So often each stage and each whole job is measured."""
    methods: tuple[str, ...] | None = None
    """Models that need no run, with which faces are drawn and the clip is anonymized; None: those installed that the
    project lists."""
    run: Path | str | None = None
    """A run with which the clip is swapped, too; None: none."""
    to: str | None = None
    """Whom the run draws; None: the only person that it knows."""
    training: bool = True
    """Whether a step of training of each installed model is measured, which takes some ten seconds each."""
    models: tuple[str, ...] | None = None
    """The models that are trained, as plugin choices; None: all, by their presets for small machines."""
    profile: bool = False
    """Whether the time of a training step is told apart by kinds of operation."""
    whole: bool = True
    """Whether whole jobs are measured: the clip anonymized, swapped and preprocessed."""

    def __post_init__(self) -> None:
        """Check the values."""
        for flag, value in (("--frames", self.frames), ("--repeats", self.repeats)):
            if value < 1:
                raise MienError(f"{flag} must be 1 or more, not {value}.", f"{flag} 1")
