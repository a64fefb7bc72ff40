"""Worker processes: each is handed one task at a time, and what they answer is given on as it comes.

The processes are started as `python -c …` and not by multiprocessing, which would import the caller's main module in
each of them: that costs a command line's start-up, and a script without `if __name__ == "__main__"` would start itself.
"""

import os
import pickle
import queue
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Thread
from typing import IO

from mien.dataset.messages import Advanced, Begin, Crashed, Finished, Refused, Reply, Task
from mien.errors import MienError

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LINES_OF_LAST_WORDS = 5


@dataclass(frozen=True, slots=True)
class _Died:
    task: Task
    status: int
    last_words: str


def run_tasks(begin: Begin, tasks: Sequence[Task], workers: int) -> Generator[Advanced, None, None]:
    """Have the tasks done by so many processes; yields each step as it is reported.

    When the caller stops to listen, for whatever reason, the processes are ended.

    Raises MienError if a worker needs the user to mend something, or dies, naming what it was working on; RuntimeError
    with the worker's traceback if it meets a defect.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    replies: queue.SimpleQueue[Reply | _Died] = queue.SimpleQueue()
    with ExitStack() as files:
        noises = [files.enter_context(tempfile.TemporaryFile()) for _ in range(min(workers, len(tasks)))]
        processes = [start_process("from mien.dataset.process import main; main()", noise) for noise in noises]
        threads = [
            Thread(target=_serve, args=(process, begin, waiting, replies, noise), daemon=True)
            for process, noise in zip(processes, noises, strict=True)
        ]
        try:
            for thread in threads:
                thread.start()
            finished = 0
            while finished < len(tasks):
                reply = replies.get()
                match reply:
                    case Refused(message, fix):
                        raise MienError(message, fix)
                    case Crashed(traceback):
                        raise RuntimeError(f"A worker process failed:\n{traceback}")
                    case _Died():
                        raise _death(reply)
                    case Finished():
                        finished += 1
                    case Advanced():
                        yield reply
        finally:
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()
            for thread in threads:
                thread.join()


def start_process(code: str, noise: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start Python on some code, with pipes to and from it; what its plugins print goes to `noise`."""
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=noise,
        env=environment,
    )


def _serve(
    process: subprocess.Popen[bytes],
    begin: Begin,
    waiting: "queue.SimpleQueue[Task]",
    replies: "queue.SimpleQueue[Reply | _Died]",
    noise: IO[bytes],
) -> None:
    """Hand one process its tasks, from a thread of its own."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker was started without pipes")
    with process.stdin as stdin, process.stdout as stdout:
        first: list[Begin] = [begin]
        while True:
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                for message in [*first, task]:
                    pickle.dump(message, stdin)
                stdin.flush()
                first = []
                reply: Reply | None = None
                while not isinstance(reply, Finished | Refused | Crashed):
                    reply = pickle.load(stdout)
                    replies.put(reply)
            except (EOFError, BrokenPipeError, pickle.UnpicklingError):
                replies.put(_Died(task, process.wait(), last_words(noise)))
                return
            if not isinstance(reply, Finished):
                return


def last_words(noise: IO[bytes]) -> str:
    """The end of what a process has printed."""
    noise.seek(0)
    text = noise.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-_LINES_OF_LAST_WORDS:])


def _death(died: _Died) -> MienError:
    signal_number = -died.status
    how = f"was killed by signal {signal_number}" if signal_number > 0 else f"ended with the status {died.status}"
    why = " (as the system does when memory runs out)" if signal_number == 9 else ""
    words = f"\n{died.last_words}" if died.last_words and signal_number != 9 else ""
    return MienError(
        f"A worker process {how}{why} while it worked on {died.task}.{words}",
        "Run the same command again: what is done is kept. If memory is short, add --workers 1.",
    )
