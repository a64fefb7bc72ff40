"""Several onlookers at once: processes, since dlib's encoder holds Python's lock while it looks."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mien.evaluation.judging import Looking, Seen
from mien.evaluation.onlooker import Onlooker, Plugins, Sighting, Sitting
from mien.registry import Registry
from mien.workers import TaskDone, WorkerPool, run_tasks

_LOOKS_PER_PROCESS = 60
"""A process takes as long to start as some twenty looks; with fewer than so many for each it is not worth it."""
_IF_KILLED = "Run the same command again. If memory is short, give fewer --faces."


@dataclass(frozen=True, slots=True)
class OnlookerInit:
    """What a process that looks is initialised with; a `mien.workers.WorkerInit`."""

    registry: Registry
    plugins: Plugins

    def make_worker(self) -> Callable[[Sitting, Callable[[object], None]], Sighting]:
        """Make the onlooker. Raises MienError if a plugin is missing."""
        onlooker = Onlooker(self.registry, self.plugins)
        return lambda sitting, report: onlooker.look(sitting)


def looking_with(registry: Registry, plugins: Plugins, looks: int, processes: int | None = None) -> Looking:
    """How so many looks are taken: within this process if they are few, otherwise by a process for each core.

    processes: how many; None: as fits. Raises MienError if a plugin is missing.
    """
    here = Onlooker(registry, plugins)  # whatever is missing is said before anything starts
    count = min(os.cpu_count() or 1, looks // _LOOKS_PER_PROCESS) if processes is None else processes

    @contextmanager
    def alone(sittings: Iterable[Sitting]) -> Generator[Seen, None, None]:
        yield ((sitting, here.look(sitting)) for sitting in sittings)

    @contextmanager
    def together(sittings: Iterable[Sitting]) -> Generator[Seen, None, None]:
        init = OnlookerInit(registry, plugins)
        with (
            WorkerPool(count, if_killed=_IF_KILLED) as pool,
            closing(run_tasks(pool, init, sittings, ahead=2 * count)) as steps,
        ):
            yield ((step.task, step.result) for step in steps if isinstance(step, TaskDone))

    return together if count > 1 else alone
