"""Work on a Ray cluster: an executor that a command line can name.

Ray (https://www.ray.io) is an extra: `pip install 'mien-core[ray]'`. The machines of the cluster see the same files
under the same paths, and have the same mien and plugins. A task whose worker or machine is lost is done again on
another one; everything else that is done stays.
"""

import importlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

from mien.errors import MienError
from mien.workers.executor import Executor
from mien.workers.pool import ONE_THREAD

R = TypeVar("R")

SCHEME = "ray"
AUTO = "auto"
_SECONDS_TO_ANSWER = 5.0
_RETRIES = 5
"""How often a task is done again whose worker was lost."""


class RayExecutor:
    """A `mien.workers.Executor` on a Ray cluster. A context manager: when it is left, the cluster is left."""

    def __init__(self, address: str = AUTO) -> None:
        """address: of the cluster, as `ray.init` takes it: HOST:PORT, "auto" for the one that runs on this machine, or
        ray://HOST:PORT from outside of it. If no cluster runs on this machine, "auto" starts one for this call alone.

        Raises MienError if Ray is not installed, or the cluster does not answer.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing leaves the machine
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise MienError("Ray is not installed.", "pip install 'mien-core[ray]'") from error
        _check_answers(address)
        how: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        how["runtime_env"] = {"env_vars": dict.fromkeys(ONE_THREAD, "1")}
        try:
            try:
                self._ray.init(address=address, **how)
            except ConnectionError:
                if address != AUTO:
                    raise
                self._ray.init(address="local", include_dashboard=False, **how)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise _no_answer(address, _first_line(error)) from error
        self._call = self._ray.remote(num_cpus=1, max_retries=_RETRIES)(_called)

    def submit(self, function: Callable[..., R], /, *args: Any) -> "_RayResult[R]":
        """Have function(*args) called on the cluster, by one processor core. See `mien.workers.Executor`."""
        return _RayResult(self._ray, self._call.remote(function, *args))

    def __enter__(self) -> "RayExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()


class _RayResult(Generic[R]):
    """What a call on the cluster will return."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def result(self) -> R:
        """Wait for it. Raises what the call raised, and MienError if it was lost too often."""
        errors = self._ray.exceptions
        try:
            return cast(R, self._ray.get(self._reference))
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except errors.RayError as error:
            raise MienError(
                f"The Ray cluster lost a task {_RETRIES + 1} times: {_first_line(error)}.",
                "ray status, and the same command again: what is done is kept",
            ) from error

    def cancel(self) -> bool:
        """Do not begin with it any more; if it has begun, it is ended, too."""
        self._ray.cancel(self._reference, force=False)
        return True


@contextmanager
def executor_on(where: str | None, option: str = "--on") -> Iterator[Executor | None]:
    """The executor that a user names: `ray` for the cluster that runs on this machine, or one that is started on it;
    `ray://HOST:PORT` and `ray:HOST:PORT` for another one; None: none, and the work stays with this machine's processes.
    option: which names it.

    Raises MienError for another name, and as `RayExecutor` does.
    """
    if where is None:
        yield None
        return
    scheme, _, rest = where.partition(":")
    if scheme != SCHEME:
        raise MienError(
            f"{where!r} is nothing that work can be done on.", f"{option} ray, or {option} ray://HOST:10001"
        )
    if rest:
        executor = RayExecutor(where if rest.startswith("//") else rest)
    else:
        executor = RayExecutor(os.environ.get("RAY_ADDRESS") or AUTO)
    with executor:
        yield executor


def _check_answers(address: str) -> None:
    """Ray would try for many minutes to reach a machine that is not there. Raises MienError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    if not port.isdigit():
        raise _no_answer(address, f"{port!r} is no port")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise _no_answer(address, _first_line(error)) from error


def _no_answer(address: str, why: str) -> MienError:
    where = "on this machine" if address == AUTO else f"at {address}"
    return MienError(f"No Ray cluster answers {where}: {why}.", "ray status --address HOST:PORT")


def _called(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
