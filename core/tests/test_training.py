"""The loop with every installed model, on real faces; no model is named here."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file

from mien.contracts.model import Batch, Losses, Model
from mien.dataset import Dataset
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.plugins.choice import PluginChoice
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.training import TrainOptions, resume, train
from mien.training.data import TrainingData
from mien.training.run import TrainedRun
from mien.training.trainer import resolved_compile

MODELS = [name for name in Registry().names("model") if Registry().load("model", name).stages is not Model.stages]
"""Those that the loop trains; the others draw as they are, or are fitted."""
FREQUENT = {
    "steps_per_log": 1,
    "steps_per_validation": 2,
    "steps_per_preview": 2,
    "steps_per_checkpoint": 2,
    "expression_faces": 2,
}


@pytest.fixture
def tiny(environment) -> Registry:
    """The registry with a small model, fast and made to fail on request."""
    environment.install_package("tiny", "mien-model-tiny")
    return Registry()


@pytest.fixture(scope="module")
def encoded(people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The people with encodings, which a model that draws references is trained by, cut as wide as any model asks."""
    folder = tmp_path_factory.mktemp("encoded")
    for dataset in people:
        options = PreprocessOptions(
            extractor="face_recognition",
            features="landmarks:points=5+encoding",
            workers=2,
            images=False,
            alignment=AlignmentConfig(size=128, margin=0.4),
        )
        sources = Dataset.open(dataset).info.sources
        preprocess(folder / dataset.name, sources=[Path(source) for source in sources or ()], options=options)
    return [folder / dataset.name for dataset in people]


def settings_of(name: str) -> tuple[str, int, str]:
    """The model with its preset for small machines if it has one, how many people, and features if it needs some."""
    loaded = Registry().load("model", name)
    assert issubclass(loaded, Model)
    choice = f"{name}:preset=small" if "small" in loaded.Config.presets else name
    return choice, loaded.people[0], "landmarks:points=5" if loaded.needs_features else ""


def begin(name: str, people: list[Path], run: Path, **options: object) -> TrainedRun:
    choice, count, features = settings_of(name)
    train(choice, people[:count], run, features=features, options=TrainOptions(**{**FREQUENT, **options}))
    return TrainedRun.open(run)


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


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


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_activations_computed_again_change_no_weight(name: str, encoded: list[Path], tmp_path: Path) -> None:
    begin(name, encoded, tmp_path / "kept", steps=3)
    begin(name, encoded, tmp_path / "again", steps=3, checkpoint_activations=True)
    assert digest(tmp_path / "kept") == digest(tmp_path / "again")


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_a_number_that_is_not_finite_stops_any_model_or_sends_it_back(
    name: str, encoded: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Registry().load("model", name)
    assert issubclass(loaded, Model)
    forward, calls = loaded.forward, Counter[bool]()

    def spoilt(self: Model, batch: Batch, phase: str) -> Losses:
        losses = forward(self, batch, phase)
        counted = self.training and phase == self.phases[-1]
        calls[counted] += 1
        return {**losses, "loss": losses["loss"] * float("nan")} if counted and calls[True] == 4 else losses

    monkeypatch.setattr(loaded, "forward", spoilt)
    with pytest.raises(MienError, match=r"Step 4.*not finite.*checkpoints/00000002"):
        begin(name, encoded, tmp_path / "stopped", steps=5)
    weights = load_file(tmp_path / "stopped" / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    calls.clear()
    begin(name, encoded, tmp_path / "back", steps=5, on_nan="rollback")
    lines = [json.loads(line) for line in (tmp_path / "back" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5]


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
    ("options", "compiled"),
    [
        ({}, True),
        ({"steps": 1000}, True),
        ({"steps": 999}, False),
        ({"minutes": 4.0}, False),
        ({"minutes": 4.0, "compile": True}, True),
        ({"compile": False}, False),
    ],
)
def test_a_card_compiles_for_long_trainings(
    options: dict[str, Any], compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if options.get("compile") is None:
        assert not resolved_compile(TrainOptions(**options))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("mien.training.trainer.find_spec", lambda name: object())
    assert resolved_compile(TrainOptions(**options)) == compiled
    again = TrainOptions(**options, checkpoint_activations=True)
    if options.get("compile") is True:
        with pytest.raises(MienError, match="exclude each other"):
            resolved_compile(again)
    else:
        assert not resolved_compile(again)


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


def test_a_run_records_the_recognizer_that_is_named_or_the_default_or_none(
    people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    def recorded(name: str, registry: Registry, **options: str) -> str | None:
        train("tiny", people[:1], tmp_path / name, options=TrainOptions(steps=1), registry=registry, **options)
        return TrainedRun.open(tmp_path / name, registry).recognizer

    pytest.importorskip("mien_feature_encoding")
    assert recorded("default", tiny) == recorded("named", tiny, recognizer="encoding") == "encoding"
    needed = [point for point in entry_points(group="mien") if point.name in ("face_recognition", "hull")]
    assert recorded("none", Registry([*environment.points, *needed])) is None
    with pytest.raises(MienError, match=r"thumbnail:size=8 .* does not tell people apart"):
        recorded("wrong", tiny, recognizer="thumbnail")
    assert not (tmp_path / "wrong").exists()


def test_nothing_of_the_process_changes(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    def state() -> list[object]:
        return [
            dict(os.environ),
            random.getstate(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            torch.get_rng_state().tolist(),
            torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            dict(AcceleratorState._shared_state),
        ]

    before = state()
    train("tiny", people, tmp_path / "run", options=TrainOptions(steps=2), registry=tiny)
    resume(tmp_path / "run", steps=3, registry=tiny)
    assert state() == before
    with pytest.raises(MienError):
        train(
            "tiny:bad_step=1",
            people,
            tmp_path / "bad",
            options=TrainOptions(steps=2),
            registry=tiny,
        )
    assert state() == before


def test_the_seed_decides_everything(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    for run, seed in (("a", 1), ("b", 1), ("c", 2)):
        train("tiny", people[:1], tmp_path / run, options=TrainOptions(seed=seed, steps=3), registry=tiny)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_what_swapping_needs_is_not_pickled_and_opens(people: list[Path], tmp_path: Path) -> None:
    run = begin(MODELS[0], people, tmp_path / "run", steps=2)
    assert not run.model.training
    assert set(load_file(tmp_path / "run" / "model.safetensors")) >= set(run.model.state_dict())
    preview = Image.open(tmp_path / "run" / "previews" / "00000002.png")
    assert min(preview.size) > 128
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))


def test_training_learns(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    options = TrainOptions(steps=120, steps_per_log=10)
    train("tiny", people, tmp_path / "run", options=options, registry=tiny)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] / 2


def test_a_loss_that_is_no_number_stops_with_step_faces_and_checkpoint(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    options = TrainOptions(steps=8, **FREQUENT)
    with pytest.raises(MienError) as caught:
        train(PluginChoice("tiny", {"bad_step": 6}), people, tmp_path / "run", options=options, registry=tiny)
    told = str(caught.value)
    assert "Step 6" in told and "checkpoints/00000004" in told and "rollback" in told
    assert re.search(rf"{people[0].name}: \d+, \d+; {people[1].name}: \d+, \d+\)", told)
    weights = load_file(tmp_path / "run" / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_or_goes_back_and_on_with_another_order(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    options = TrainOptions(steps=8, on_nan="rollback", **FREQUENT)
    report = train(PluginChoice("tiny", {"bad_step": 6}), people, tmp_path / "run", options=options, registry=tiny)
    assert report.step == 8
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if "loss" in line]
    assert steps == list(range(1, 9)), "a run that went back must not tell its past twice"


@pytest.mark.long
def test_going_back_has_an_end(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    options = TrainOptions(steps=20, on_nan="rollback", **FREQUENT)
    settings = {"bad_step": 3, "bad_rollbacks": 99}
    with pytest.raises(MienError, match="gone back 3 times"):
        train(PluginChoice("tiny", settings), people, tmp_path / "run", options=options, registry=tiny)


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


def test_a_run_whose_plugin_is_gone_says_so(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    train("tiny", people[:1], tmp_path / "run", options=TrainOptions(steps=1), registry=tiny)
    without = Registry([])
    with pytest.raises(MienError, match="No model named 'tiny'"):
        TrainedRun.open(tmp_path / "run", without)


def test_damaged_weights_are_refused(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    train("tiny", people[:1], tmp_path / "run", options=TrainOptions(steps=1), registry=tiny)
    weights = tmp_path / "run" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(MienError, match="damaged"):
        TrainedRun.open(tmp_path / "run", tiny)


def test_weights_can_be_where_another_run_begins(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    first = train("tiny", people[:1], tmp_path / "a", options=TrainOptions(steps=20), registry=tiny)
    options = TrainOptions(steps=1, seed=5, init_from=str(tmp_path / "a" / "model.safetensors"))
    second = train("tiny", people[:1], tmp_path / "b", options=options, registry=tiny)
    moved = (first.model.net.weight - second.model.net.weight).abs().max()
    assert 0 < moved < 0.1
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    options = TrainOptions(steps=1, init_from=str(tmp_path / "broken.safetensors"))
    with pytest.raises(MienError, match="cannot be the start"):
        train("tiny", people[:1], tmp_path / "c", options=options, registry=tiny)


def command(people: list[Path], run: Path, *more: str) -> list[str]:
    frequent = [part for key, value in FREQUENT.items() for part in ("--set", f"train.{key}={value}")]
    return [sys.executable, "-m", "mien_cli", "train", "tiny", *map(str, people), "--run", str(run), *frequent, *more]


def in_environment(environment, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(environment.folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


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


LAUNCHED = """
import hashlib, os, sys
from pathlib import Path
from mien.training import TrainOptions, train

run, choice, features, *people = sys.argv[1:]
options = TrainOptions(steps=4, steps_per_checkpoint=2, precision="no")
report = train(choice, [Path(person) for person in people], Path(run), features=features, options=options)
weights = hashlib.sha256(b"".join(t.numpy().tobytes() for t in report.model.state_dict().values())).hexdigest()
Path(f"{run}.weights.{os.environ['RANK']}").write_text(weights)
"""


def launch(tmp_path: Path, environment: dict[str, str], *arguments: str) -> None:
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    port = str(29600 + os.getpid() % 2000)
    ended = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
         "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port,
         str(script), *arguments],
        env={**environment, "ACCELERATE_USE_CPU": "true"}, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.long
def test_two_processes_hold_the_same_weights_and_share_the_faces(
    people: list[Path], tiny: Registry, environment, tmp_path: Path
) -> None:
    run, seen = tmp_path / "run", tmp_path / "seen"
    launch(
        tmp_path, in_environment(environment, SEEN=str(seen)), str(run), "tiny", "landmarks:points=5", str(people[0])
    )
    weights = {Path(f"{run}.weights.{rank}").read_text() for rank in (0, 1)}
    assert len(weights) == 1
    faces = [Path(f"{seen}.{rank}").read_text().split() for rank in (0, 1)]
    assert len(faces[0]) == len(faces[1]) == 16
    # Frames may be alike, so the check is by count: within an epoch no face is seen twice, by whichever process.
    vectors = Dataset.open(people[0]).vectors(FeatureSet("landmarks:points=5", tiny))
    there = Counter(str(hash(tuple(row.tolist()))) for row in vectors)
    assert Counter(faces[0] + faces[1]) <= there
    assert "processes = 2" in (run / "run.toml").read_text()


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_in_two_processes(name: str, encoded: list[Path], environment, tmp_path: Path) -> None:
    choice, count, features = settings_of(name)
    run = tmp_path / "run"
    launch(tmp_path, in_environment(environment), str(run), choice, features, *map(str, encoded[:count]))
    assert len({Path(f"{run}.weights.{rank}").read_text() for rank in (0, 1)}) == 1


def test_mixed_precision_trains(people: list[Path], tmp_path: Path) -> None:
    run = begin(MODELS[0], people, tmp_path / "run", steps=2, precision="bf16")
    weights = [tensor for tensor in run.model.state_dict().values() if tensor.is_floating_point()]
    assert weights and all(tensor.dtype == torch.float32 for tensor in weights)


def test_feature_statistics_count_every_person_alike_however_many_faces_they_have(people: list[Path]) -> None:
    datasets = [Dataset.open(path) for path in people]
    features = FeatureSet("landmarks:points=5", Registry())
    data = TrainingData(datasets, features, TrainOptions())
    vectors = [dataset.vectors(features, part.training) for dataset, part in zip(datasets, data.splits, strict=True)]
    assert len(vectors[0]) != len(vectors[1])
    means = [one.mean(0) for one in vectors]
    mean = (means[0] + means[1]) / 2
    np.testing.assert_allclose(data.inputs.feature_mean, mean, atol=1e-5)
    between = np.outer(means[0] - means[1], means[0] - means[1]) / 4
    within = sum(np.cov(one, rowvar=False) for one in vectors) / 2
    np.testing.assert_allclose(data.inputs.feature_covariance, within + between, rtol=0.05, atol=1e-3)
