"""One iteration: when it looks at whether its numbers are finite, and what becomes of the weights."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils._python_dispatch import TorchDispatchMode

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Sampling, Stage
from mien.contracts.target import Target
from mien.dataset import Dataset
from mien.errors import MienError
from mien.layers import MovingAverage
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.training import TrainOptions
from mien.training.data import TrainingData
from mien.training.global_state import global_state_restored
from mien.training.iteration import Iteration, NonFiniteLoss, Phase, in_parts, only_training
from mien.training.run import make_model
from mien.training.weights import load_weights, saved_state

INPUTS = ModelInputs(("a",), 0, 10, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
MODELS = [name for name in Registry().names("model") if Registry().load("model", name).stages is not Model.stages]
WAITING = {"expression", "inpaint_gan", "likeness", "identities"}
"""The driver of the first measures head poses by NumPy; the second picks rows by masks; the others draw with OpenCV."""


class Players(Model):
    """Two networks, one for each phase; the phases in `bad` have a loss that is no number."""

    phases = ("first", "second")

    def __init__(self, *, fused: bool) -> None:
        super().__init__(None, INPUTS)
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.average = MovingAverage(self.second, 0.9)
        self.fused, self.bad = fused, set[str]()

    def stages(self) -> list[Stage]:
        return [Stage(8, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        parameters = (self.first if phase == "first" else self.second).parameters()
        return Adam(parameters, lr=0.1, fused=True) if self.fused else SGD(parameters, lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        network = self.first if phase == "first" else self.second
        loss = network(batch.images[:, 0, 0, :4]).square().mean()
        return {"loss": loss * float("nan") if phase in self.bad else loss, "part": loss}

    def after_step(self, phase: str) -> None:
        if phase == "second":
            self.average.update(self.second)

    def generate(self, batch: Batch, target: Target) -> Tensor:
        return batch.images


def batch_of(count: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(count, 3, 8, 8, generator=generator)
    return Batch(images, torch.ones(count, 1, 8, 8), torch.zeros(count, 0), torch.zeros(count, dtype=torch.int64))


def iteration_of(model: Model, *, deferred: bool, clip: float | None = None, **more: Any) -> Iteration:
    phases = []
    accelerator = Accelerator(cpu=True)
    for name in model.phases:
        bare = model.optimizer(name)
        parameters = [p for group in bare.param_groups for p in group["params"]]
        phases.append(Phase(name, accelerator.prepare(bare), bare, parameters, ReduceLROnPlateau(bare)))
    return Iteration(accelerator, model, model, phases, "players", clip, deferred=deferred, **more)


@pytest.fixture(autouse=True)
def alone():
    with global_state_restored():
        yield


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_when_it_looks_changes_no_weight(fused: bool, clip: float | None) -> None:
    states = []
    for deferred in (False, True):
        model = Players(fused=fused)
        iteration = iteration_of(model, deferred=deferred, clip=clip)
        for _ in range(3):
            figures = iteration.run([batch_of(), batch_of(3)])
        states.append(model.state_dict())
        assert set(figures) == {
            "loss", "first/part", "second/part", "first/gradient_norm", "second/gradient_norm"
        }  # fmt: skip
    assert all(torch.equal(mine, states[1][name]) for name, mine in states[0].items())


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("deferred", [False, True], ids=["at once", "after the iteration"])
@pytest.mark.parametrize("bad", ["first", "second"])
def test_a_number_that_is_not_finite_spoils_no_weight(fused: bool, deferred: bool, bad: str) -> None:
    model = Players(fused=fused)
    iteration = iteration_of(model, deferred=deferred)
    iteration.run([batch_of()])
    before = copy.deepcopy(model.state_dict())
    model.bad = {bad}
    with pytest.raises(NonFiniteLoss, match=f"phase {bad}, loss nan"):
        iteration.run([batch_of()])
    after = model.state_dict()
    assert all(tensor.isfinite().all() for tensor in after.values())
    same = [name for name, tensor in before.items() if torch.equal(tensor, after[name])]
    assert {"second.weight", "second.bias"} <= set(same), "it was spoilt, or came after what was"
    assert ("first.weight" in same) == (bad == "first")
    # The next step is the one that would have come without the bad one.
    model.bad = set()
    iteration.run([batch_of()])
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_the_gradients_of_parts_are_those_of_the_whole() -> None:
    norms = []
    for batches in ([batch_of(8)], [batch_of(8).rows(torch.arange(4)), batch_of(8).rows(torch.arange(4, 8))]):
        iteration = iteration_of(Players(fused=True), deferred=True)
        norms.append(iteration.run(batches)["first/gradient_norm"])
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_what_cannot_be_compiled_is_computed_without_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Model, **_: object):
        def call(*given: object) -> Losses:
            model(*given)
            torch.rand(1)
            raise RuntimeError("no C++ compiler\nwas found")

        call._orig_mod = model  # type: ignore[attr-defined]
        return call

    monkeypatch.setattr(torch, "compile", broken)
    told: list[str] = []
    plain, model = Players(fused=True), Players(fused=True)
    for one in (plain, model):
        torch.manual_seed(1)
        iteration = iteration_of(one, deferred=False, compiled=one is model, say=told.append)
        iteration.run([batch_of()])
        iteration.run([batch_of()])
    assert not iteration.compiled and len(told) == 1
    assert "cannot be compiled" in told[0] and "no C++ compiler" in told[0]
    assert all(torch.equal(mine, model.state_dict()[name]) for name, mine in plain.state_dict().items())


def test_stages_that_blend_in_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object):
        def call(*_: object) -> Losses:
            raise AssertionError

        return call

    monkeypatch.setattr(torch, "compile", refused)
    iteration = iteration_of(Players(fused=True), deferred=False, compiled=True)
    iteration.run([batch_of()], fade=True)
    assert iteration.compiled


class Large(Players):
    """Has memory for so many faces."""

    memory = 4

    def forward(self, batch: Batch, phase: str) -> Losses:
        if len(batch) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")
        return super().forward(batch, phase)


def test_a_batch_that_is_too_large_for_the_memory_is_computed_in_parts() -> None:
    told: list[str] = []
    large, whole = Large(fused=True), Players(fused=True)
    iterations = [iteration_of(model, deferred=False, say=told.append) for model in (large, whole)]
    for _ in range(3):
        figures = [iteration.run([batch_of(10)]) for iteration in iterations]
    assert iterations[0].parts == 4 and len(told) == 2 and "10 faces at once" in told[0]
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    wanted = whole.state_dict()
    assert all(torch.allclose(mine, wanted[name], atol=1e-5) for name, mine in large.state_dict().items())


def test_what_is_too_large_for_two_faces_is_told() -> None:
    model = Large(fused=True)
    model.memory = 1
    with pytest.raises(
        MienError, match=r"does not suffice for \d faces: CUDA out of memory. Tried to allocate 2.00 GiB."
    ):
        iteration_of(model, deferred=False).run([batch_of(8)])


@given(st.integers(2, 40), st.integers(1, 8), st.sampled_from(["pairs", "balanced"]))
def test_parts_hold_all_rows_in_order_and_keep_pairs(half: int, parts: int, sampling: Sampling) -> None:
    batch = replace(batch_of(2 * half), people=torch.arange(2 * half))
    found = in_parts(batch, parts, sampling)
    assert torch.equal(torch.cat([part.people for part in found]), batch.people)
    assert len(found) <= parts and max(map(len, found)) - min(map(len, found)) <= 2
    if sampling == "pairs":
        assert all(int(part.people[0]) % 2 == 0 and len(part) % 2 == 0 for part in found)


class Waits(TorchDispatchMode):
    """Notes each call that has to know a value or brings one over to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        try:
            return func(*args, **(kwargs or {}))
        except (RuntimeError, NotImplementedError) as error:
            self.found.append(f"{func}: {error}")
            raise


@pytest.fixture(scope="module")
def data_of(people: list[Path]):
    def made(model: type[Model]) -> TrainingData:
        datasets = [Dataset.open(path) for path in people[: model.people[0]]]
        features = FeatureSet("landmarks:points=5" if model.needs_features else "", Registry())
        return TrainingData(datasets, features, TrainOptions(), model)

    return made


@pytest.mark.parametrize("name", sorted(set(MODELS) - WAITING))
def test_no_model_waits_for_the_device(name: str, data_of, monkeypatch: pytest.MonkeyPatch) -> None:
    # On the meta device there are no values: whatever needs one, or copies one to the host, raises.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: torch.enable_grad())
    registry = Registry()
    loaded = registry.load("model", name)
    assert issubclass(loaded, Model)
    data = data_of(loaded)
    model = make_model(registry, name, {"preset": "small"} if "small" in loaded.Config.presets else {}, data.inputs)
    number = min(1, len(model.stages()) - 1)
    stage = model.stages()[number]
    rows = data.spread(stage.batch_size)
    batch = data.batch(rows, model, stage.resolution, 0.5, number)
    model, on_device = model.to("meta"), batch.to("meta")
    for module in model.modules():
        if isinstance(module, MovingAverage):
            module._counted.starts_at(module.updates, 1)
    for phase in model.phases:
        parameters = [p for group in model.optimizer(phase).param_groups for p in group["params"]]
        with Waits() as waits, only_training(model, parameters):
            model(on_device, phase)["loss"].backward()
            model.after_step(phase)
        assert not waits.found


def test_an_average_counts_on_after_it_is_loaded() -> None:
    first, second = Players(fused=True), Players(fused=True)
    for _ in range(3):
        first.average.update(first.first)
        second.average.update(first.first)
    load_weights(second, {**saved_state(second), "average.updates": torch.tensor(1)})
    second.average.update(first.first)
    assert int(second.average.updates) == 2
    before = copy.deepcopy(first.average)
    before.update(first.second)
    first.average.update(first.second)
    assert all(torch.equal(a, b) for a, b in zip(first.average.parameters(), before.parameters(), strict=True))
