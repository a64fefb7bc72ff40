"""What does tasks: mien's own processes, or an engine that somebody has already, such as a cluster's."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
MessageT_co = TypeVar("MessageT_co", covariant=True)


class PendingResult(Protocol[R_co]):
    """What a submitted call will return. `concurrent.futures.Future` is one."""

    def result(self) -> R_co:
        """Wait for it, and return it or raise what the call raised."""

    def cancel(self) -> object:
        """Do not begin with it any more. False if it has begun already and goes on."""


class Executor(Protocol):
    """Calls functions elsewhere. mien asks no more of it than this.

    Every `concurrent.futures.Executor` is one: a pool of threads or processes, loky's, mpi4py's, dask's
    `Client.get_executor()`. So is submitit's, which makes a SLURM job of each call.
    """

    def submit(self, function: Callable[..., R], /, *args: Any) -> PendingResult[R]:
        """Have function(*args) called. Function, arguments and what it returns can be pickled."""


class WorkerInit(Protocol[TaskT_contra, MessageT_co, R_co]):
    """What a worker is initialised with. It is pickled, and unpickled once in each worker."""

    def make_worker(self) -> Callable[[TaskT_contra, Callable[[MessageT_co], None]], R_co]:
        """Make what does one task after the other, in the worker, before its first task.

        What it returns is called with a task and with `report`, which takes what is to be known before the task is
        done, as often as it likes. It returns the task's result. All of these can be pickled.
        """
