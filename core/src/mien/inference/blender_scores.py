"""What came of trying blenders, in numbers."""

from dataclasses import dataclass
from pathlib import Path

from mien.imaging.seam import SeamScore


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
