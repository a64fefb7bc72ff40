"""`kill -9` at any moment loses nothing: the next call goes on or begins anew, and its result is that of one that ran
through. $MIEN_KILLS says how often each command is killed: 25 make 100 in all, in half an hour; if it is not said, 6.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from mien import Dataset

CLIPS = Path(__file__).resolve().parent / "data" / "clips"
J, E = CLIPS / "target_J_2s_audio.mp4", CLIPS / "target_E_4s_silent.mp4"
KILLS = int(os.environ.get("MIEN_KILLS", "6"))
SHORTEST_SHARE, LONGEST_SHARE = 0.1, 1.1
"""When a command is killed, as shares of the time that it takes."""
TINY = "deepfakes:size=32,width=4,bottleneck=8,code_channels=8,shared_channels=8,decoder_width=8,batch_size=2"
HOW = ("--extractor", "blazeface", "--features", "landmarks:points=5")
PREPROCESS = ("--from", J, "--from", E, *HOW)
STEPS = ("--steps", 40)
TRAIN = (*STEPS, "--set", "train.steps_per_checkpoint=10", "--set", "train.steps_per_log=5")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(os.name != "posix", reason="POSIX signals"),
]


@dataclass(frozen=True)
class Command:
    """A command that is killed now and then."""

    arguments: Callable[[Path], tuple[object, ...]]
    """What it is called with to write to a path, whatever stands there by now."""
    state: Callable[[Path], object]
    """What it has written, so that two results can be compared."""
    is_whole: Callable[[Path], bool]
    """Whether what stands there after a kill is nothing, or can be used."""


def started(command: Command, target: Path) -> "subprocess.Popen[bytes]":
    line = [sys.executable, "-m", "mien_cli", *map(str, command.arguments(target))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # In a group of its own, so that its workers can be killed with it.
    return subprocess.Popen(
        line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def run_through(command: Command, target: Path) -> float:
    """Run to the end; returns how long it took."""
    begun = time.monotonic()
    with started(command, target) as process:
        _, told = process.communicate()
    assert process.returncode == 0, told.decode()
    return time.monotonic() - begun


def killed(command: Command, target: Path, after: float, *, with_workers: bool) -> bool:
    """Kill it after so many seconds; whether it was still at work."""
    with started(command, target) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        was_at_work = process.poll() is None
        if was_at_work and with_workers:
            os.killpg(process.pid, signal.SIGKILL)
        elif was_at_work:
            process.kill()
        _, told = process.communicate()
    assert was_at_work or process.returncode == 0, told.decode()
    return was_at_work


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hidden_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".*")]


def state_of_dataset(dataset: Path) -> object:
    faces = dataset / "faces"
    files = {
        str(path.relative_to(faces)): digest(path) for path in faces.rglob("*.*") if path.suffix in (".npy", ".png")
    }
    return files, [{**row, "person": ""} for row in Dataset.open(dataset).index().to_pylist()]


def state_of_run(run: Path) -> object:
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert steps == sorted(steps)
    return digest(run / "model.safetensors")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("datasets")
    for name, clip in (("E", E), ("J", J)):
        made = (
            "preprocess",
            folder / name,
            "--from",
            clip,
            "--extractor",
            "blazeface",
            "--features",
            "landmarks:points=5",
        )
        run_through(Command(lambda _, made=made: made, str, lambda _: True), folder)  # type: ignore[misc]
    return [folder / "E", folder / "J"]


@pytest.fixture(scope="module")
def commands(datasets: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Command]:
    def train(run: Path) -> tuple[object, ...]:
        begun = (run / "run.toml").exists()
        return ("train", "--run", run, *(("--resume", *STEPS) if begun else (TINY, *datasets, *TRAIN)))

    trained = Command(train, state_of_run, lambda run: True)
    run = tmp_path_factory.mktemp("run") / "run"
    run_through(trained, run)

    def file(path: Path) -> bool:
        return not path.exists() or path.stat().st_size > 10_000

    plain = ("--extractor", "blazeface", "--overwrite", "--no-credentials")
    long, alike = ("--segment", "0.5", *plain), (*plain, "--end", "1")
    return {
        "preprocess": Command(
            lambda dataset: ("preprocess", dataset, *PREPROCESS), state_of_dataset, lambda dataset: True
        ),
        "train": trained,
        "swap": Command(lambda out: ("swap", run, J, out, "--to", "E", *alike), digest, file),
        "segments": Command(lambda out: ("swap", run, E, out, "--to", "J", *long), digest, file),
        "anonymize": Command(lambda out: ("anonymize", J, out, "--with", "blocks", *alike), digest, file),
        "anonymize_segments": Command(lambda out: ("anonymize", J, out, "--with", "blocks", *long), digest, file),
    }


@pytest.mark.parametrize("name", ["preprocess", "train", "swap", "segments", "anonymize", "anonymize_segments"])
def test_killed_at_any_moment_nothing_is_lost(
    name: str, commands: dict[str, Command], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, dice = commands[name], random.Random(name)
    suffix = "" if name in ("preprocess", "train") else ".mp4"
    reference = tmp_path / "reference" / f"out{suffix}"
    reference.parent.mkdir()
    seconds = run_through(command, reference)
    expected = command.state(reference)
    kills = done = 0
    while kills < KILLS:
        target = tmp_path / f"killed-{done}" / f"out{suffix}"
        target.parent.mkdir(exist_ok=True)
        standing = digest(target) if suffix and target.exists() else None
        after = seconds * dice.uniform(SHORTEST_SHARE, LONGEST_SHARE)
        if killed(command, target, after, with_workers=dice.random() < 0.5):
            kills += 1
            assert command.is_whole(target)
            if suffix and target.exists():
                assert digest(target) in (standing, expected)
        if dice.random() < 0.3:
            _finished(command, target, expected)
            done += 1
    _finished(command, tmp_path / f"killed-{done}" / f"out{suffix}", expected)
    with capsys.disabled():
        print(f"\n{name}: {kills} kills over {done + 1} results of {seconds:.1f} s each; all are that of one run")


def _finished(command: Command, target: Path, expected: object) -> None:
    target.parent.mkdir(exist_ok=True)
    run_through(command, target)
    assert command.state(target) == expected
    assert hidden_in(target.parent) == []
    shutil.rmtree(target.parent)
