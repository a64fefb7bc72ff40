"""Training that was stopped, killed or short of something goes on exactly, or says why it cannot."""

import json
import re
import shutil
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
from mien.media.files import held_alone
from mien.plugins.registry import Registry
from mien.progress import Silent
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
    with pytest.raises(MienError, match="checkpoints/00000002") as refused:
        resume(run, steps=4, registry=tiny)
    assert refused.value.fix.startswith(f"rm -r {path.parent} ") or damaged == "progress.json"


def test_weights_that_do_not_fit_the_model_any_more_are_left_and_the_plugin_is_to_be_mended(
    people: list[Path], tiny: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, loaded = tmp_path / "run", tiny.load("model", "tiny")
    train("tiny", people[:1], run, options=TrainOptions(steps=2), registry=tiny)
    made = loaded.__init__

    def wider(self: Model, *arguments: object) -> None:
        made(self, *arguments)
        self.net = torch.nn.Conv2d(3, 3, 5, padding=2)

    monkeypatch.setattr(loaded, "__init__", wider)
    with pytest.raises(MienError, match=r"checkpoints/00000002 do not fit the model: size mismatch") as refused:
        resume(run, steps=4, registry=tiny)
    assert "version of the plugin that run.toml names" in refused.value.fix and "rm" not in refused.value.fix


def test_a_run_that_lost_its_checkpoints_says_that_it_begins_anew(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    run, told = tmp_path / "run", Told()
    train("tiny", people[:1], run, options=TrainOptions(steps=2), registry=tiny)
    shutil.rmtree(run / "checkpoints")
    report = resume(run, steps=3, progress=told, registry=tiny)
    assert report.steps_here == 3 and f"{run} has no checkpoint: training begins anew." in told.said


class Told(Silent):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


def failing(monkeypatch: pytest.MonkeyPatch, registry: Registry, when: str) -> None:
    """Have the third step of `tiny` fail: in forward(), in that of a second phase, after a weight was written to; or
    generate()."""
    loaded = registry.load("model", "tiny")
    assert issubclass(loaded, Model)
    forward = loaded.forward

    def fails(self: Model, batch: Batch, phase: str) -> Losses:
        losses = forward(self, batch, phase)
        if self.training and self.calls == 3 * len(self.phases):
            if when == "after writing":
                with torch.no_grad():
                    self.net.bias.add_(1)
            raise ArithmeticError("one too many")
        return losses

    if when == "generate":
        monkeypatch.setattr(loaded, "generate", lambda *_: 1 / 0)
    else:
        monkeypatch.setattr(loaded, "forward", fails)
    if when == "second phase":
        monkeypatch.setattr(loaded, "phases", ("first", "second"))


@pytest.mark.parametrize("when", ["forward", "generate"])
def test_what_a_plugin_that_fails_has_trained_is_kept_and_goes_on_exactly(
    when: str, people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    options = TrainOptions(steps=2, steps_per_preview=2, expression_faces=0)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, tiny, when)
        with pytest.raises(MienError, match=r"(one too many|division by zero).*What 2 steps have trained is kept"):
            train("tiny", people, tmp_path / "run", options=options.model_copy(update={"steps": 5}), registry=tiny)
    resume(tmp_path / "run", steps=5, registry=tiny)
    train("tiny", people, tmp_path / "whole", options=options.model_copy(update={"steps": 5}), registry=tiny)
    assert digest(tmp_path / "run") == digest(tmp_path / "whole")


def test_a_checkpoint_is_written_before_the_preview_of_its_step(
    people: list[Path], tiny: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draws(*_: object) -> None:
        assert (tmp_path / "run" / "checkpoints" / "00000002" / "progress.json").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny.load("model", "tiny"), "generate", draws)
    options = TrainOptions(steps=5, steps_per_preview=2, steps_per_checkpoint=2, expression_faces=0)
    with pytest.raises(KeyboardInterrupt):
        train("tiny", people, tmp_path / "run", options=options, registry=tiny)


@pytest.mark.parametrize("when", ["second phase", "after writing"])
def test_a_step_that_was_done_in_part_is_not_kept(
    when: str, people: list[Path], tiny: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, tiny, when)
    with pytest.raises(MienError, match="one too many") as told:
        train("tiny", people, tmp_path / "run", options=TrainOptions(steps=5, expression_faces=0), registry=tiny)
    assert "kept" not in told.value.message and not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_that_failed_before_its_first_checkpoint_does_not_stand_in_the_way(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    run, options = tmp_path / "run", TrainOptions(steps=3, steps_per_preview=1, expression_faces=0)
    with pytest.raises(MienError, match="There is no checkpoint yet") as told:
        train("tiny:bad_step=3", people, run, options=options, registry=tiny)
    assert "The same command" in told.value.fix
    assert train("tiny", people, run, options=options.model_copy(update={"steps": 1}), registry=tiny).step == 1
    assert [path.name for path in (run / "previews").iterdir()] == ["00000001.png"]


def test_a_run_is_trained_by_one_call_at_a_time(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    run = tmp_path / "run"
    run.mkdir()
    with held_alone(run, "by a test"), pytest.raises(MienError, match="is being trained by another call"):
        train("tiny", people, run, options=TrainOptions(steps=1, expression_faces=0), registry=tiny)
    assert not list(run.iterdir())


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
