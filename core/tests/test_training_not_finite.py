"""A loss that is not finite stops training, or sends it back."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from safetensors.torch import load_file

from mien.contracts.model import Batch, Losses, Model
from mien.errors import MienError
from mien.plugins.choice import PluginChoice
from mien.plugins.registry import Registry
from mien.training import TrainOptions, train

from .training_runs import FREQUENT, MODELS, begin


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


def test_a_loss_that_is_no_number_stops_with_step_faces_and_checkpoint(
    people: list[Path], tiny: Registry, tmp_path: Path
) -> None:
    options = TrainOptions(steps=8, **FREQUENT)
    with pytest.raises(MienError) as caught:
        train(PluginChoice("tiny", {"bad_step": 6}), people, tmp_path / "run", options=options, registry=tiny)
    told = str(caught.value)
    assert "Step 6: a loss or gradient of the model 'tiny'" in told
    assert "checkpoints/00000004" in told and "rollback" in told
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
