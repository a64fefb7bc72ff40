"""What preprocessing has its workers do, what they are made of, and what they report."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mien.dataset.chunk import Chunk
from mien.dataset.recipe import Recipe
from mien.plugins.registry import Registry

if TYPE_CHECKING:
    from mien.dataset.worker import ChunkWorker


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
    fix: str = ""
    """What to do about that, if it is known."""


Report: TypeAlias = Callable[[Advanced], None]


@dataclass(frozen=True, slots=True)
class PreprocessInit:
    """What a worker of preprocessing is initialised with; a `mien.workers.WorkerInit`."""

    registry: Registry
    recipe: Recipe
    work: Path
    """Folder of the shards."""

    def make_worker(self) -> Callable[[Task, Report], None]:
        """Make what writes the shard of one task after the other; the first task loads the plugins it needs."""
        return _Worker(self)


class _Worker:
    def __init__(self, init: PreprocessInit) -> None:
        self._init = init

    def __call__(self, task: Task, report: Report) -> None:
        folder = self._init.work / task.key
        if isinstance(task, Chunk):
            self._chunks.do(task, folder, report)
        else:
            from mien.dataset.remeasure import remeasure  # loads pyarrow, which chunks do without

            remeasure(task, self._init.recipe.features_text, self._init.registry, folder, report)

    @cached_property
    def _chunks(self) -> "ChunkWorker":
        from mien.dataset.worker import ChunkWorker

        return ChunkWorker(self._init.registry, self._init.recipe)
