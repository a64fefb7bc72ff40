"""What the tests of the worker pool have its processes do: a module, since they have to import it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mien import MienError

A_MINUTE = 60


@dataclass(frozen=True)
class Squares:
    """Workers that square numbers, and count what they have done."""

    refused: int = -1

    def make_worker(self) -> Callable[[int, Callable[[tuple[str, int]], None]], tuple[int, int, int]]:
        """Gives the square, which process it comes from, and how many that one has done."""
        done: list[int] = []

        def square(number: int, report: Callable[[tuple[str, int]], None]) -> tuple[int, int, int]:
            report(("begun", number))
            if number == self.refused:
                raise MienError("This number is refused.", "mien plugins")
            done.append(number)
            report(("squared", number))
            return number * number, os.getpid(), len(done)

        return square


@dataclass(frozen=True)
class Waiting:
    """Workers that wait at the task "wait" until the flag's file is there, and say so by a file beside it."""

    flag: Path

    def make_worker(self) -> Callable[[str, Callable[[str], None]], str]:
        """Gives the task."""

        def work(task: str, report: Callable[[str], None]) -> str:
            report(task)
            if task == "wait":
                self.flag.with_suffix(".awaited").touch()
            while task == "wait" and not self.flag.exists():
                time.sleep(0.01)
            return task

        return work


class Calls:
    """Workers whose tasks are calls."""

    def make_worker(self) -> Callable[[tuple[Any, ...], Callable[[object], None]], Any]:
        """Gives what the call returns."""
        return lambda task, report: task[0](*task[1:])


class Unmakeable:
    """Workers that cannot be made."""

    def make_worker(self) -> NoReturn:
        """Raises MienError."""
        raise MienError("A plugin is missing.", "pip install it")


def inverse(number: float) -> float:
    """Raises ZeroDivisionError for 0."""
    return 1 / number


def make_function(number: int) -> Callable[[], int]:
    """Return what cannot be pickled."""
    return lambda: number


def report_amid_noise(send: Callable[[str], None]) -> str:
    """Print in all ways there are, and read; then report what was read."""
    print("print", flush=True)
    os.write(1, b"the first stream\n")
    subprocess.run(["echo", "another process"], check=True)
    print("stderr", file=sys.stderr)
    send(sys.stdin.read())
    return "answer"


def die(how: str) -> NoReturn:
    """End the process: by a signal, by its own will, or by that with a child left that has its streams."""
    print("a word before dying", flush=True)
    if how.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, how))
    if how == "leaves a child":
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(A_MINUTE,)).start()
    if how == "closes its streams":
        os.closerange(0, 256)
        time.sleep(A_MINUTE)
    os._exit(3)


def die_once(flag: Path) -> str:
    """Die, unless the file is there."""
    if not flag.exists():
        flag.touch()
        os._exit(3)
    return "alive"


def interrupt() -> str:
    """Get the signal that Ctrl-C sends."""
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def threads() -> tuple[int, str]:
    """How many threads OpenCV and OpenMP have."""
    import cv2

    return cv2.getNumThreads(), os.environ["OMP_NUM_THREADS"]


def stay(pid: Path) -> None:
    """Say who this is, and do not end."""
    pid.with_suffix(".part").write_text(str(os.getpid()))
    pid.with_suffix(".part").rename(pid)
    time.sleep(A_MINUTE)
