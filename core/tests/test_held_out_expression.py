"""Training shows whether drawn faces open and close their eyes as held-out ones do."""

import json
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from mien.contracts.model import Batch, Losses, Model, Stage
from mien.contracts.target import Target
from mien.dataset import Dataset
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.training import TrainOptions, train
from mien.training.data import TrainingData
from mien.training.held_out_expression import HeldOutExpression

SIZE = 128


class Drawn(Model):
    """Draws what it was given, or, blind, one face again and again."""

    blind = False
    faces_per_batch = 64

    def stages(self) -> Sequence[Stage]:
        return [Stage(SIZE, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        raise NotImplementedError

    def forward(self, batch: Batch, phase: str) -> Losses:
        raise NotImplementedError

    def generate(self, batch: Batch, target: Target) -> Tensor:
        return batch.images[:1].expand(len(batch), -1, -1, -1) if self.blind else batch.images


class Told:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1, **figures: float | int | str) -> None: ...

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture(scope="module")
def data(people: list[Path]) -> TrainingData:
    # J blinks once, in the middle of the clip.
    datasets = [Dataset.open(folder) for folder in people]
    return TrainingData(datasets, FeatureSet("", Registry()), TrainOptions(held_out=0.7))


def only(*plugins: str) -> Registry:
    found = [entry for entry in entry_points(group="mien") if entry.name in plugins]
    return Registry([EntryPoint(entry.name, entry.value, entry.group) for entry in found])


def figures(data: TrainingData, model: Model, registry: Registry, told: Told) -> dict[str, float]:
    measure = HeldOutExpression(data, 32, registry, told)
    return measure.figures(model.eval(), "drawn", torch.device("cpu"))


@pytest.mark.parametrize("plugins", [("blendshapes",), ("face_recognition",)])
def test_a_perfect_drawing_opens_and_closes_its_eyes_as_the_face_does(
    data: TrainingData, plugins: tuple[str, ...]
) -> None:
    told = Told()
    found = figures(data, Drawn(None, data.inputs), only(*plugins), told)
    assert set(found) == {f"{who}/{what}" for who in ("own", "swap") for what in ("eye_opening_r", "blink")}
    assert all(value == pytest.approx(1, abs=0.1) for value in found.values()), "but for the resampling it is the face"
    assert not told.said


def test_lids_that_stay_as_they_are_are_seen(data: TrainingData) -> None:
    model = Drawn(None, data.inputs)
    model.blind = True
    found = figures(data, model, only("blendshapes"), Told())
    assert found["own/eye_opening_r"] < 0.7 and found["own/blink"] < 0.4


def test_where_nothing_can_measure_it_is_said_once(data: TrainingData) -> None:
    told = Told()
    measure = HeldOutExpression(data, 8, Registry([]), told)
    model = Drawn(None, data.inputs).eval()
    assert [measure.figures(model, "drawn", torch.device("cpu")) for _ in range(2)] == [{}, {}]
    assert len(told.said) == 1 and "not shown" in told.said[0]


@pytest.mark.long
def test_the_log_holds_it_beside_the_validation_loss(people: list[Path], tmp_path: Path) -> None:
    settings = {"steps": 2, "steps_per_validation": 2, "held_out": 0.6}
    weights = []
    for faces in (4, 0):
        run = tmp_path / str(faces)
        train("deepfakes:preset=small", people, run, options=TrainOptions(**settings, expression_faces=faces))
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        validation = next(line for line in lines if any(key.startswith("validation/") for key in line))
        assert any(key.startswith("expression/swap/") for key in validation) == bool(faces)
        weights.append((run / "model.safetensors").read_bytes())
    assert weights[0] == weights[1], "measuring changes nothing"
