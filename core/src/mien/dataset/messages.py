"""What preprocessing and its worker processes say to each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mien.dataset.chunk import Chunk
from mien.dataset.recipe import Recipe
from mien.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class Begin:
    """The first thing a worker is told."""

    registry: Registry
    recipe: Recipe
    work: Path
    """Folder of the shards."""


@dataclass(frozen=True, slots=True)
class Remeasure:
    """Measure faces that a finished dataset holds already, by the recipe's features."""

    key: str
    dataset: Path
    rows: tuple[int, int]
    raw: Path
    """What relative names of sources are relative to."""

    @property
    def images(self) -> int:
        """How many faces there are to do."""
        return self.rows[1] - self.rows[0]

    def __str__(self) -> str:
        return f"the faces {self.rows[0]} to {self.rows[1] - 1} of {self.dataset}"


Task: TypeAlias = Chunk | Remeasure


@dataclass(frozen=True, slots=True)
class Advanced:
    """An image, frame or face is done."""

    images: int
    faces: int
    readable: bool = True
    failure: str = ""
    """What a plugin failed of, if one did."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A task is done, and its shard stands."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something the user has to mend, as in MienError."""

    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """A defect of mien itself."""

    traceback: str


Reply: TypeAlias = Advanced | Finished | Refused | Crashed
