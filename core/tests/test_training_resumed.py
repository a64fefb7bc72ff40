"""Training that was stopped, killed or short of something goes on exactly, or says why it cannot."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mien.contracts.model import Batch, Losses, Model
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.training import TrainOptions, resume, train
from mien.training.run import TrainedRun

from .training_runs import FREQUENT, MODELS, begin, digest, in_environment


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_stopped_and_resumed_gives_the_weights_of_one_go(name: str, encoded: list[Path], tmp_path: Path) -> None:
    begin(name, encoded, tmp_path / "whole", steps=6, accumulate=2)
    begin(name, encoded, tmp_path / "parts", steps=3, accumulate=2)
    assert digest(tmp_path / "whole") != digest(tmp_path / "parts")
    report = resume(tmp_path / "parts", steps=6)
    assert (report.steps_here, report.step) == (3, 6)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and set(steps) == {1, 2, 3, 4, 5, 6}


def test_a_run_whose_batches_are_computed_in_parts_goes_on_exactly(
    people: list[Path], tiny: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Registry.load(tiny, "model", "tiny")
    forward = loaded.forward

    def short_of_memory(self: Model, batch: Batch, phase: str) -> Losses:
        if self.training and len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, batch, phase)

    monkeypatch.setattr(loaded, "forward", short_of_memory)
    for run, steps in (("whole", 4), ("parts", 2)):
        train("tiny", people, tmp_path / run, options=TrainOptions(steps=steps, **FREQUENT), registry=tiny)
    monkeypatch.setattr(loaded, "forward", forward)
    resume(tmp_path / "parts", steps=4, registry=tiny)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
    lines = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert {line["batch_parts"] for line in lines if "loss" in line} == {2.0}


def test_a_run_stopped_before_its_first_validation_goes_on_past_it(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    rarely = {"steps_per_validation": 4, "plateau_patience": 0, "expression_faces": 0}
    for run, steps in (("whole", 10), ("parts", 2)):
        options = TrainOptions(steps=steps, **rarely)
        train("tiny", people[:1], tmp_path / run, options=options, registry=tiny)
    resume(tmp_path / "parts", steps=10, registry=tiny)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")


@pytest.mark.long
def test_a_compiled_run_goes_on_exactly(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    pytest.importorskip("torch._inductor")
    for run, steps, compile in (("whole", 6, True), ("parts", 3, True), ("plain", 6, False)):
        options = TrainOptions(steps=steps, compile=compile, expression_faces=0)
        train("tiny", people, tmp_path / run, options=options, registry=tiny)
    resume(tmp_path / "parts", steps=6, registry=tiny)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
    progress = json.loads((tmp_path / "whole" / "checkpoints" / "00000006" / "progress.json").read_text())
    assert progress["compiled"]
    whole, plain = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "plain"))
    assert all(torch.allclose(tensor, plain[name], atol=1e-2) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("damaged", "rest"),
    [
        *((name, rest) for name in ("model.safetensors", "optimizer.bin", "progress.json") for rest in (0, 50)),
        ("random_states_0.pkl", 0),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    damaged: str, rest: int, people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train("tiny", people[:1], run, options=TrainOptions(steps=2), registry=tiny)
    path = run / "checkpoints" / "00000002" / damaged
    path.write_bytes(path.read_bytes()[:rest])
    with pytest.raises(MienError, match="checkpoints/00000002"):
        resume(run, steps=4, registry=tiny)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"minutes": 0.0}, {"on_nan": "pray"}])
def test_what_a_resumed_run_is_told_is_checked(wrong: dict, people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    train("tiny", people[:1], tmp_path / "run", options=TrainOptions(steps=1), registry=tiny)
    with pytest.raises(MienError, match=next(iter(wrong))):
        resume(tmp_path / "run", registry=tiny, **wrong)


def test_a_run_is_not_overwritten_and_a_changed_dataset_is_noticed(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train("tiny", people[:1], run, options=TrainOptions(steps=1), registry=tiny)
    with pytest.raises(MienError, match="holds a run already"):
        train("tiny", people[:1], run, options=TrainOptions(steps=1), registry=tiny)
    record = (run / "run.toml").read_text()
    (run / "run.toml").write_text(re.sub(r'digest = "\w+"', 'digest = "0"', record))
    with pytest.raises(MienError, match="has changed"):
        resume(run, steps=2, registry=tiny)


def command(people: list[Path], run: Path, *more: str) -> list[str]:
    frequent = [part for key, value in FREQUENT.items() for part in ("--set", f"train.{key}={value}")]
    return [sys.executable, "-m", "mien_cli", "train", "tiny", *map(str, people), "--run", str(run), *frequent, *more]


def wait_for_checkpoint(run: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not list((run / "checkpoints").glob("[0-9]*")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize("asked", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_tells_how_to_go_on(
    asked: signal.Signals, people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        command(people, run), env=in_environment(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_checkpoint(run, process)
    process.send_signal(asked)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"mien train --run {run} --resume" in out.replace("\n", " ")
    done = int(re.search(r"Stopped at step (\d+)", out)[1])
    assert (run / "checkpoints" / f"{done:08d}").is_dir()
    assert resume(run, steps=done + 2, registry=tiny).steps_here == 2


def test_a_killed_run_loses_only_what_came_after_its_last_checkpoint(
    people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        command(people, run), env=in_environment(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for_checkpoint(run, process)
    process.kill()
    process.communicate()
    last = max(int(path.name) for path in (run / "checkpoints").glob("[0-9]*"))
    report = resume(run, steps=last + 3, registry=tiny)
    assert (report.step, report.steps_here) == (last + 3, 3)
    TrainedRun.open(run, tiny)


@pytest.mark.long
@pytest.mark.parametrize("most_bytes", [900, 8000])
def test_a_full_disk_stops_the_run_and_leaves_what_was_there(
    most_bytes: int, people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    subprocess.run(
        command(people, run, "--steps", "2"), env=in_environment(environment), check=True, capture_output=True
    )
    before = digest(run)
    limited = "import resource, sys, runpy, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes})); sys.argv = ['mien', *sys.argv[1:]]; "
    )
    limited += "runpy.run_module('mien_cli', run_name='__main__')"
    arguments = ["train", "--run", str(run), "--resume", "--steps", "4"]
    ended = subprocess.run(
        [sys.executable, "-c", limited, *arguments], env=in_environment(environment), capture_output=True, text=True
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr and str(run) in ended.stderr.replace("\n", "")
    assert digest(run) == before
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["00000002"]
