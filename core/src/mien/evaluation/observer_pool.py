"""Several observers at once: processes, since dlib's encoder holds Python's lock while it looks."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mien.evaluation.observer import FaceObserver, ObservationTask, Plugins, SceneObservation
from mien.evaluation.results import Looking, Seen
from mien.plugins.registry import Registry
from mien.workers import TaskDone, WorkerPool, run_tasks

_LOOKS_PER_PROCESS = 60
"""A process takes as long to start as some twenty looks; with fewer than so many for each it is not worth it."""
_IF_KILLED = "Run the same command again. If memory is short, give fewer --faces."


@dataclass(frozen=True, slots=True)
class ObserverInit:
    """What a process that looks is initialised with; a `mien.workers.WorkerInit`."""

    registry: Registry
    plugins: Plugins

    def make_worker(self) -> Callable[[ObservationTask, Callable[[object], None]], SceneObservation]:
        """Make the observer. Raises MienError if a plugin is missing."""
        observer = FaceObserver(self.registry, self.plugins)
        return lambda task, report: observer.look(task)


def looking_with(registry: Registry, plugins: Plugins, observations: int, processes: int | None = None) -> Looking:
    """How so many looks are taken: within this process if they are few, otherwise by a process for each core.

    processes: how many; None: as fits. Raises MienError if a plugin is missing.
    """
    here = FaceObserver(registry, plugins)  # whatever is missing is said before anything starts
    count = min(os.cpu_count() or 1, observations // _LOOKS_PER_PROCESS) if processes is None else processes

    @contextmanager
    def alone(tasks: Iterable[ObservationTask]) -> Generator[Seen, None, None]:
        yield ((task, here.look(task)) for task in tasks)

    @contextmanager
    def together(tasks: Iterable[ObservationTask]) -> Generator[Seen, None, None]:
        init = ObserverInit(registry, plugins)
        with (
            WorkerPool(count, if_killed=_IF_KILLED) as pool,
            closing(run_tasks(pool, init, tasks, ahead=2 * count)) as steps,
        ):
            yield ((step.task, step.result) for step in steps if isinstance(step, TaskDone))

    return together if count > 1 else alone
