"""Having tasks done by an executor, by workers that are initialised once: reports as they come, results in order."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from mien.errors import MienError
from mien.workers.executor import Executor, PendingResult, WorkerInit
from mien.workers.messages import Message, pickled, result_of
from mien.workers.pool import WorkerDied, WorkerPool
from mien.workers.worker import do_task, do_task_collecting

TaskT = TypeVar("TaskT")
MessageT = TypeVar("MessageT")
ResultT = TypeVar("ResultT")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TaskDone(Generic[TaskT, ResultT]):
    """A task, and what came of it."""

    task: TaskT
    result: ResultT


_Steps: TypeAlias = Generator[MessageT | TaskDone[TaskT, ResultT], None, None]


def run_tasks(
    executor: Executor,
    init: WorkerInit[TaskT, MessageT, ResultT],
    tasks: Iterable[TaskT],
    ahead: int | None = None,
) -> _Steps[MessageT, TaskT, ResultT]:
    """Have tasks done by workers that `init` makes, one in each process (or thread) of the executor, on its first task.

    executor: if it is a WorkerPool, what its workers report comes at once; any other gives it when a task is done.
    tasks: any that can be pickled; `str` of one says what it is. ahead: how many are taken before their results are
    given; None: all at once.

    Yields what the workers report and, in the order of the tasks, a TaskDone for each. If the caller stops to listen
    (`contextlib.closing`), nothing more is begun. A WorkerPool ends what has begun when it is closed; what another
    executor has begun and cannot stop, is waited for.

    Raises MienError if a worker needs the user to mend something, or dies, naming what it was working on; RuntimeError
    with the worker's traceback if it meets a defect; and whatever else the executor raises, with a note of the task.
    """
    packed = pickled(init)
    if isinstance(executor, WorkerPool):
        return _streamed(executor, packed, tasks, ahead)
    return _collected(executor, packed, tasks, ahead)


def _streamed(pool: WorkerPool, init: bytes, tasks: Iterable[TaskT], ahead: int | None) -> _Steps[Any, TaskT, Any]:
    events: SimpleQueue[Message | Future[Any]] = SimpleQueue()
    pending: dict[Future[Any], TaskT] = {}  # in the order of the tasks
    done: set[Future[Any]] = set()
    left = iter(tasks)

    def listen(report: Any) -> None:
        events.put(Message(report))

    try:
        while True:
            for task in _next_of(left, len(pending), ahead):
                future: Future[Any] = pool.submit_streaming(listen, do_task, init, task)
                pending[future] = task
                future.add_done_callback(events.put)
            if not pending:
                return
            event = events.get()
            if isinstance(event, Message):
                yield event.value
                continue
            with _naming(pending[event]):
                event.result()
            # Not as soon as the next one in order is done: its reports are still to come out of the queue before.
            done.add(event)
            while pending and (first := next(iter(pending))) in done:
                done.remove(first)
                yield TaskDone(pending.pop(first), first.result())
    finally:
        for future in pending:
            future.cancel()


def _collected(executor: Executor, init: bytes, tasks: Iterable[TaskT], ahead: int | None) -> _Steps[Any, TaskT, Any]:
    pending: deque[tuple[TaskT, PendingResult[tuple[list[Any], Any]]]] = deque()
    left = iter(tasks)
    try:
        while True:
            for task in _next_of(left, len(pending), ahead):
                pending.append((task, executor.submit(do_task_collecting, init, task)))
            if not pending:
                return
            task, future = pending[0]
            with _naming(task):
                reports, outcome = future.result()
            pending.popleft()
            yield from reports
            with _naming(task):
                result = result_of(outcome)
            yield TaskDone(task, result)
    finally:
        # Whatever the tasks write to is the caller's again when this ends.
        for _, future in [task for task in pending if task[1].cancel() is False]:
            with suppress(Exception):
                future.result()


def _next_of(tasks: Iterator[_T], pending: int, ahead: int | None) -> Iterator[_T]:
    return islice(tasks, None if ahead is None else max(0, ahead - pending))


@contextmanager
def _naming(task: object) -> Iterator[None]:
    """Say in an error from inside the block what was being worked on."""
    try:
        yield
    except WorkerDied as died:
        raise died.while_at(task) from died
    except MienError:
        raise
    except Exception as error:
        error.add_note(f"It was working on {task}.")
        raise
