"""A pool of worker processes on this machine: an executor that is quick to start and says what goes on.

loky was tried in its place (core/bench/workers.py). Both are as fast at work, end at Ctrl-C and need no guard in the
caller's script; but loky's futures bring nothing before they are done, it does not say which task a worker died of,
what plugins print comes onto the caller's streams, and it takes nearly twice as long to start. So the pool is mien's
own, and loky, as any other executor, can still take its place (`mien.workers.executor`).
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import IO, Any, BinaryIO, TypeVar, cast

from mien.errors import MienError
from mien.workers.messages import Message, Outcome, Request, pickled, read_frame, result_of, write_frame

R = TypeVar("R")

_MAIN = "from mien.workers.worker import main; main()"
ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"
)  # fmt: skip
KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 26)}
"""What glibc may keep of memory that is free again, in bytes: images come and go, and each would else be taken from the
system anew, page by page."""
_TAIL_LINES = 5
_TAIL_BYTES = 16_384
_SECONDS_TO_END = 2.0
_KILLED = 9


class WorkerDied(MienError):
    """A worker process ended, or was killed, while it was at work."""

    def __init__(self, how: str, printed: str, fix: str) -> None:
        """how: as "was killed by signal 9". printed: the end of what it has printed."""
        super().__init__(f"A worker process {how}.{printed and chr(10)}{printed}", fix)
        self.how, self.printed = how, printed

    def while_at(self, task: object) -> "WorkerDied":
        """The same, with what it worked on."""
        return WorkerDied(f"{self.how} while it worked on {task}", self.printed, self.fix)


class WorkerPool:
    """At most so many processes of Python, each started when there is work for it, with one thread for its numbers.

    They know this process's `sys.path`, but not its main module, which is not imported in them: a function or class
    that is defined there cannot be sent to them. What they print goes nowhere, but its end is shown if one dies.

    A context manager: when it is left, for whatever reason, its processes are killed.
    """

    def __init__(self, workers: int, *, if_killed: str = "Run the same command again.") -> None:
        """if_killed: what the user may do if a process dies; the `fix` of the MienError that is raised then."""
        self._if_killed = if_killed
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="mien-worker")
        self._lock = Lock()
        self._processes: set[_Process] = set()
        self._idle: list[_Process] = []
        self._closed = False

    def submit(self, function: Callable[..., R], /, *args: Any) -> Future[R]:
        """Have function(*args) called in a worker. Both, and what it returns, can be pickled.

        The future raises MienError as the function does; RuntimeError with the worker's traceback if the function
        raises anything else; WorkerDied, a MienError, if the process dies.
        """
        return cast("Future[R]", self._threads.submit(self._serve, Request(function, args, streams=False), None))

    def submit_streaming(self, listener: Callable[[Any], None], function: Callable[..., R], /, *args: Any) -> Future[R]:
        """As `submit`, but the function is called with a further argument: what it calls that with, comes to `listener`
        at once.

        listener: called in a thread of the pool, with what the function sent, each before the future is done.
        """
        return cast("Future[R]", self._threads.submit(self._serve, Request(function, args, streams=True), listener))

    def close(self) -> None:
        """End all processes, whatever they are at. What was submitted and is not done is cancelled, or raises."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            process.close()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, request: Request, listener: Callable[[Any], None] | None) -> Any:
        """Have one call made, from a thread of the pool: each process talks with one thread at a time."""
        frame = pickled(request)  # here, and not by a process: what cannot be pickled is no fault of it
        process = self._free_process()
        try:
            outcome = process.ask(frame, listener)
        except BaseException:  # it is dead, or in the middle of something
            with self._lock:
                self._processes.discard(process)
            process.kill()
            process.close()
            raise
        with self._lock:
            self._idle.append(process)
        return result_of(outcome)

    def _free_process(self) -> "_Process":
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            if self._idle:
                return self._idle.pop()
            process = _Process(self._if_killed)
            self._processes.add(process)
            return process


class _Process:
    """A worker process, behind pipes."""

    def __init__(self, if_killed: str) -> None:
        self._if_killed = if_killed
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        # Not by multiprocessing: that would import the caller's main module in each process, which costs a command
        # line's start-up, and a script without `if __name__ == "__main__"` would start itself.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={
                **KEEPS_MEMORY,
                **os.environ,
                **dict.fromkeys(ONE_THREAD, "1"),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)

    def ask(self, frame: bytes, listener: Callable[[Any], None] | None) -> Outcome:
        """Send a pickled Request; what is said before it is done goes to `listener`. Raises WorkerDied."""
        try:
            write_frame(self._requests, frame)
        except BrokenPipeError as error:
            raise self._death() from error
        while True:
            try:
                frame = read_frame(self._replies)
            except EOFError as error:
                raise self._death() from error
            reply: Message | Outcome = pickle.loads(frame)
            if not isinstance(reply, Message):
                return reply
            if listener is not None:
                listener(reply.value)

    def kill(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()

    def close(self) -> None:
        """Wait until a killed process is gone, and close its files."""
        self._process.wait()
        for stream in (self._requests, self._replies, self._stderr):
            with suppress(BrokenPipeError):  # something was still to be sent to it
                stream.close()

    def _death(self) -> WorkerDied:
        try:
            status = self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:  # it does not speak any more, but has not ended
            self._process.kill()
            status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with the status {status}"
        if -status == _KILLED:
            return WorkerDied(f"{how} (as the system does when memory runs out)", "", self._if_killed)
        return WorkerDied(how, stderr_tail(self._stderr), self._if_killed)


def stderr_tail(stderr: IO[bytes]) -> str:
    """The last lines of what a process that has ended has printed."""
    stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _TAIL_BYTES))
    text = stderr.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
