"""Several observers at once: processes, since dlib's encoder holds Python's lock while it looks."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

from mien.evaluation.observer import FaceObserver, ObservationTask, Plugins, SceneObservation
from mien.evaluation.results import Looking, Seen
from mien.plugins.registry import Registry
from mien.workers import Executor, TaskDone, WorkerPool, run_tasks
from mien.workers.threads import computing_with

_LOOKS_PER_PROCESS = 60
"""A process takes as long to start as some twenty looks; with fewer than so many for each it is not worth it."""
_AHEAD = 256
"""So many looks are given to another executor before their results are taken: each brings an image."""
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


def looking_with(
    registry: Registry,
    plugins: Plugins,
    observations: int,
    processes: int | None = None,
    executor: Executor | None = None,
) -> Looking:
    """How so many looks are taken: within this process if they are few, otherwise by a process for each core.

    processes: how many; None: as fits. executor: what takes them instead, as a cluster. Raises MienError if a plugin is
    missing.
    """
    here = FaceObserver(registry, plugins)  # whatever is missing is said before anything starts
    count = min(os.cpu_count() or 1, observations // _LOOKS_PER_PROCESS) if processes is None else processes

    @contextmanager
    def alone(tasks: Iterable[ObservationTask]) -> Generator[Seen, None, None]:
        with computing_with(1):  # as the processes do: the last digits depend on it
            yield ((task, here.look(task)) for task in tasks)

    @contextmanager
    def by(given: Executor, ahead: int | None, tasks: Iterable[ObservationTask]) -> Generator[Seen, None, None]:
        with closing(run_tasks(given, ObserverInit(registry, plugins), tasks, ahead)) as steps:
            yield ((step.task, step.result) for step in steps if isinstance(step, TaskDone))

    @contextmanager
    def together(tasks: Iterable[ObservationTask]) -> Generator[Seen, None, None]:
        with WorkerPool(count, if_killed=_IF_KILLED) as pool, by(pool, 2 * count, tasks) as seen:
            yield seen

    if executor is not None:
        return partial(by, executor, _AHEAD)
    return together if count > 1 else alone
