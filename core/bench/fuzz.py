"""What mien does with damaged files: pictures and clips of every format, damaged at random.

    python fuzz.py [--pictures N] [--clips N] [--seed N] [--only NUMBER …] [--limit SECONDS] [--keep FOLDER]

Each file goes through `verify`, `find_faces` and `anonymize` by itself, and each 25 of them together through
`preprocess` and `anonymize` as a folder, in a process that may be killed; the middle of each image is taken for a face.
A file is damaged in the same way whenever it is made with the same seed; `--only` tries some of them again. A table and
a list of faults are printed: anything but a whole result or a `MienError`. The exit status is 1 if there is a fault.
`--keep`: where faulty files are kept.
"""

import argparse
import faulthandler
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from fuzz_damage import damaged
from fuzz_samples import PICTURE, of_kind

METHOD = "solid"
EXTRACTOR = "middle"
IN_FOLDER = 25
MOST_BYTES = 12 * 2**30
DEFECT = "This is a defect"
OUTCOMES = ("fine", "clear error", "traceback", "hang", "crash", "half-written", "warning")
FAULTS = OUTCOMES[2:]


@dataclass(frozen=True)
class Case:
    """A damaged file."""

    kind: str
    number: int
    path: Path
    way: str

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.path.name}, {self.way}"


@dataclass(frozen=True)
class Answer:
    """What came of a call."""

    outcome: str
    detail: str = ""


@dataclass
class Counts:
    """What came of the files of a kind, in one call."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


class Prober:
    """A process that makes calls; a new one where it crashed or had to be killed."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._exit_status: int | None = None

    def ask(self, call: str, path: Path, output: Path, *, patience: int = 1) -> tuple[Answer, float]:
        """What comes of a call, and how long it took. patience: so many times the limit are no hang."""
        pipe = self._pipe if self._process is not None and self._process.is_alive() and self._pipe else self._start()
        limit, begun = self._limit * patience, time.monotonic()
        pipe.send((call, path, output))
        try:
            is_told = pipe.poll(limit)
            answer = pipe.recv() if is_told else Answer("hang", f"longer than {limit:g} s")
        except EOFError:
            self.stop()
            answer = Answer("crash", f"exit status {self._exit_status}")
        if answer.outcome == "hang":
            self.stop()
        return answer, time.monotonic() - begun

    def _start(self) -> Connection:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_answer_calls, args=(theirs,))
        self._process.start()
        theirs.close()
        if self._pipe.recv() != "ready":
            raise RuntimeError("the process does not begin")
        return self._pipe

    def stop(self) -> None:
        if self._process is not None:
            if self._pipe is not None:
                self._pipe.close()
            self._process.join(1.0)
            if self._process.is_alive():
                self._process.kill()
            self._process.join()
            self._exit_status = self._process.exitcode
            self._process = None


def _answer_calls(pipe: Connection) -> None:
    """What the process does: answer one call after the other."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    calls = _calls()
    pipe.send("ready")
    while True:
        try:
            call, path, output = pipe.recv()
        except EOFError:
            return
        pipe.send(_answer(calls[call], path, output))


def _answer(call: Callable[[Path, Path], str], path: Path, output: Path) -> Answer:
    from mien import MienError, MienWarning

    output.mkdir(parents=True)
    with warnings.catch_warnings(record=True) as told:
        try:
            detail = call(path, output)
            answer = Answer("traceback" if DEFECT in detail else "half-written" if detail else "fine", detail)
        except MienError as error:
            is_clear = str(error).strip() and DEFECT not in str(error)
            answer = Answer("clear error" if is_clear else "traceback", str(error))
        except Exception:
            answer = Answer("traceback", traceback.format_exc())
    left = sorted(str(one.relative_to(output)) for one in output.rglob("*") if one.is_file())
    if answer.outcome == "fine":
        left = [name for name in left if any(part.startswith(".") for part in Path(name).parts)]
    if left and answer.outcome in ("fine", "clear error"):
        return Answer("half-written", f"{', '.join(left)} after: {answer.detail or 'no error'}")
    raw = [f"{one.category.__name__}: {one.message}" for one in told if not issubclass(one.category, MienWarning)]
    if raw and answer.outcome in ("fine", "clear error"):
        return Answer("warning", "; ".join(dict.fromkeys(raw)))
    return answer


def _calls() -> dict[str, Callable[[Path, Path], str]]:
    """Call → what makes it with a path and an empty folder to write to; returns what is wrong with the result."""
    import torch

    from mien import (
        AnonymizeOptions,
        FacesOptions,
        MienError,
        PreprocessOptions,
        Registry,
        SessionOptions,
        anonymize,
        find_faces,
        preprocess,
        verify,
    )
    from mien.media.animation import open_video
    from mien.media.discovery import find_sources
    from mien.media.image_formats import is_animation
    from mien.media.images import read_image

    torch.set_num_threads(1)
    read_image(PICTURE)  # what is set up once, as which warnings are shown, is so from here on
    registry = Registry([*entry_points(group="mien"), EntryPoint(EXTRACTOR, "fuzz_plugin", "mien")])
    session = SessionOptions(extractor=EXTRACTOR, credentials=False, threads=1)
    options = AnonymizeOptions(check=False)

    def verified(path: Path, output: Path) -> str:
        verify(path)
        return ""

    def found(path: Path, output: Path) -> str:
        report = find_faces(
            [path], options=FacesOptions(extractor=EXTRACTOR, identities=False, threads=1), registry=registry
        )
        return "\n".join(file.failure for file in report.files if DEFECT in file.failure)

    def is_whole(path: Path) -> str:
        """What is wrong with a result; nothing if it can be read to its end."""
        if find_sources([path])[0].kind == "image":
            read_image(path)
            return ""
        video = open_video(path)
        video.check_whole()
        frames = sum(1 for _ in video.frames())
        return "" if frames == len(video.frame_times()) else f"{frames} frames of {len(video.frame_times())}"

    def anonymized(path: Path, output: Path) -> str:
        if path.is_dir():
            target = output / "all"
        else:
            kind = find_sources([path])[0].kind
            is_moving = kind == "video" and not is_animation(path)
            target = output / ("out.mkv" if is_moving else "out.tif" if path.suffix == ".tif" else "out.png")
        report = anonymize(path, target, method=METHOD, options=options, session=session, registry=registry)
        defects = [file.failure for file in report.files if DEFECT in file.failure]
        if defects:
            return "\n".join(defects)
        written = [file for file in report.files if file.output is not None]
        there = {one for one in output.rglob("*") if one.is_file()}
        if {file.output for file in written} != there:
            return f"written {sorted(map(str, there))}, said {sorted(str(file.output) for file in written)}"
        try:
            return "\n".join(filter(None, (is_whole(file.output) for file in written if file.output)))
        except MienError as error:
            return f"what was written cannot be read: {error}"

    def preprocessed(path: Path, output: Path) -> str:
        report = preprocess(
            output / "dataset",
            [path],
            options=PreprocessOptions(extractor=EXTRACTOR, workers=1, copies=False),
            registry=registry,
        )
        said = [str(reason) for reason in report.dataset.dropped()["dropped"].to_pylist()]
        return "\n".join(reason for reason in said if DEFECT in reason or "Error: " in reason)

    return {"verify": verified, "find_faces": found, "anonymize": anonymized, "preprocess": preprocessed}


def cases(kind: str, count: int, seed: int, samples: Sequence[Path], folder: Path, only: set[int]) -> Iterator[Case]:
    """Damaged files of a kind, one after the other. only: numbers; empty: all."""
    order = np.random.default_rng(seed).permutation(len(samples))
    for number in range(count):
        if only and number not in only:
            continue
        dice = np.random.default_rng([seed, number, len(kind)])
        sample = samples[order[number % len(samples)]]
        way, content = damaged(sample.read_bytes(), dice)
        path = folder / f"{number:05d}-{sample.name}"
        path.write_bytes(content)
        yield Case(kind, number, path, way)


def main() -> None:
    """Print the table and the faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", default=[])
    parser.add_argument("--limit", type=float, default=30.0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    counts: dict[tuple[str, str], Counts] = {}
    faults: list[str] = []
    prober = Prober(options.limit)

    def ask(call: str, kind: str, what: object, path: Path, output: Path, *, patience: int = 1) -> None:
        answer, seconds = prober.ask(call, path, output, patience=patience)
        counted = counts.setdefault((kind, call), Counts())
        counted.outcomes[answer.outcome] += 1
        counted.slowest = max(counted.slowest, seconds)
        if answer.outcome in FAULTS:
            faults.append(f"{call}, {what}: {answer.outcome}: {answer.detail.strip()}")
            print(f"\n{faults[-1]}", file=sys.stderr, flush=True)
            if options.keep and path.is_file():
                options.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, options.keep)
        shutil.rmtree(output, ignore_errors=True)

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for kind, count in (("picture", options.pictures), ("clip", options.clips)):
            samples = of_kind(kind, root / f"{kind}s") if count else []
            together = root / f"{kind}s-damaged"
            together.mkdir()
            waiting = 0
            for case in cases(kind, count, options.seed, samples, together, set(options.only)):
                for call in ("verify", "find_faces", "anonymize"):
                    ask(call, kind, case, case.path, root / "out")
                waiting += 1
                if waiting == IN_FOLDER or case.number == count - 1:
                    what = f"the {waiting} {kind}s up to {case.number}"
                    for call in ("preprocess", "anonymize"):
                        ask(call, f"{kind}s in a folder", what, together, root / "out", patience=waiting)
                    shutil.rmtree(together)
                    together.mkdir()
                    waiting = 0
                print(
                    f"\r{kind} {case.number + 1} of {count}, {len(faults)} faults", end="", file=sys.stderr, flush=True
                )
    prober.stop()
    print(file=sys.stderr)
    print("| files | call | " + " | ".join(OUTCOMES) + " | slowest |")
    print("|" + "---|" * (len(OUTCOMES) + 3))
    for (kind, call), counted in counts.items():
        numbers = " | ".join(str(counted.outcomes[outcome]) for outcome in OUTCOMES)
        print(f"| {kind} | `{call}` | {numbers} | {counted.slowest:.1f} s |")
    for fault in faults:
        print(f"- {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
