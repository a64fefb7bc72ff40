"""The loop with every installed model, on real faces; no model is named here."""

import json
import os
import random
import shutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file

from mien import find_faces, preprocess
from mien.dataset import Dataset
from mien.errors import MienError
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.progress import Silent
from mien.training import TrainOptions, resume, train
from mien.training.data import TrainingData
from mien.training.run import TrainedRun
from mien.training.trainer import resolved_compile

from .training_runs import MODELS, begin, digest


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_activations_computed_again_change_no_weight(name: str, encoded: list[Path], tmp_path: Path) -> None:
    begin(name, encoded, tmp_path / "kept", steps=3)
    begin(name, encoded, tmp_path / "again", steps=3, checkpoint_activations=True)
    assert digest(tmp_path / "kept") == digest(tmp_path / "again")


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


def test_what_one_should_know_of_a_dataset_is_said_before_it_is_trained_on(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    dataset = shutil.copytree(people[0], tmp_path / "E")
    said, info = list[str](), dataset / "faces" / "dataset.json"
    made_by = Dataset.open(dataset).info.features[0].version
    text = info.read_text().replace(f'"version": "{made_by}"', '"version": "0.0.1"')
    info.write_text(text.replace('"no_mask": 0', '"no_mask": 3'))

    class Told(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    options = TrainOptions(steps=1, expression_faces=0)
    for features in ("", "landmarks:points=5"):
        given = {"features": features, "options": options, "progress": Told(), "registry": tiny}
        train("tiny", [dataset, people[1]], tmp_path / f"run{len(features)}", **given)
    masks = [line for line in said if f"faces of {dataset} have next to no mask" in line]
    (version,) = [
        line for line in said if f"{dataset} holds landmarks:points=5 as mien-feature-landmarks 0.0.1" in line
    ]
    assert len(masks) == 2 and f"mien preprocess {dataset} --features landmarks:points=5" in version
    assert not any(str(people[1]) in line for line in said)


def test_paths_may_be_texts_and_have_to_be_lists(people: list[Path], tiny: Registry, tmp_path: Path) -> None:
    run, options = str(tmp_path / "run"), TrainOptions(steps=1, expression_faces=0)
    assert train("tiny", [str(people[0])], run, options=options, registry=tiny).run == Path(run)
    assert resume(run, steps=2, registry=tiny).steps_here == 1
    calls: list[Callable[[Any], object]] = [
        lambda paths: train("tiny", paths, tmp_path / "other", options=options, registry=tiny),
        lambda paths: preprocess(tmp_path / "new", paths),
        lambda paths: find_faces(paths),
    ]
    for call in calls:
        for alone in (people[0], str(people[0])):
            with pytest.raises(MienError, match="are a list of paths; this is one path"):
                call(alone)
        with pytest.raises(MienError, match="one of them is a int"):
            call([1])


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
