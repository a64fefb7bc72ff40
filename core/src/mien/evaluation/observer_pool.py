"""Several onlookers at once: processes, since dlib's encoder holds Python's lock while it looks.

They are started as those of preprocessing are, and for the same reason (`mien.dataset.crew`).
"""

import os
import pickle
import signal
import subprocess
import tempfile
import traceback
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import IO, TypeAlias

import cv2

from mien.dataset.crew import last_words, start_process
from mien.dataset.messages import Crashed, Refused
from mien.dataset.process import private_streams
from mien.errors import MienError
from mien.evaluation.observer import FaceObserver, ObservationTask, Plugins, SceneObservation
from mien.evaluation.results import Looking, Seen
from mien.plugins.registry import Registry
from mien.workers.threads import Pool, ordered_map

_LOOKS_PER_PROCESS = 60
"""A process takes as long to start as some twenty looks; with fewer than so many for each it is not worth it."""
_MAIN = "from mien.evaluation.observer_pool import main; main()"
_Reply: TypeAlias = SceneObservation | Refused | Crashed


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
        with ExitStack() as started:
            pool = Pool(lambda: started.enter_context(closing(_Process(registry, plugins))), count)

            def look(task: ObservationTask) -> tuple[ObservationTask, SceneObservation]:
                with pool.borrowed() as process:
                    return task, process.look(task)

            with closing(ordered_map(look, tasks, count, 2 * count)) as observations:
                yield observations

    return together if count > 1 else alone


class _Process:
    """An onlooker in a process of its own; used by one thread at a time."""

    def __init__(self, registry: Registry, plugins: Plugins) -> None:
        self._noise: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process: subprocess.Popen[bytes] = start_process(_MAIN, self._noise)
        self._first: list[tuple[Registry, Plugins]] = [(registry, plugins)]

    def look(self, task: ObservationTask) -> SceneObservation:
        """Raises MienError if a plugin fails, or if the process dies."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("an onlooker was started without pipes")
        try:
            for message in (*self._first, task):
                pickle.dump(message, stdin)
            stdin.flush()
            self._first = []
            reply: _Reply = pickle.load(stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise MienError(
                f"A process that looks at faces ended with the status {self._process.wait()}."
                f"\n{last_words(self._noise)}".rstrip(),
                "Run the same command again. If memory is short, give fewer --faces.",
            ) from error
        match reply:
            case Refused(message, fix):
                raise MienError(message, fix)
            case Crashed(trace):
                raise RuntimeError(f"A process that looks at faces failed:\n{trace}")
            case SceneObservation():
                return reply

    def close(self) -> None:
        """End it, whatever it is at."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._noise):
            if stream is not None:
                with suppress(BrokenPipeError):  # something was still to be sent to it
                    stream.close()


def main() -> None:
    """Serve the process that started this one: it sends registry and plugins, then sittings, and gets a reply each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its processes
    asked, replies = private_streams()
    cv2.setNumThreads(1)

    def send(reply: _Reply) -> None:
        pickle.dump(reply, replies)
        replies.flush()

    try:
        onlooker = FaceObserver(*pickle.load(asked))
        while True:
            send(onlooker.look(pickle.load(asked)))
    except (EOFError, BrokenPipeError):  # the parent is done, or gone
        return
    except MienError as error:
        send(Refused(error.message, error.fix))
    except Exception:
        send(Crashed(traceback.format_exc()))
