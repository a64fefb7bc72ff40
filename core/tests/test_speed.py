"""How fast training is, told in operations."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.target import Target
from mien.training.speed import convolution_peak_gflops, step_gflop

INPUTS = ModelInputs(("a",), 0, 10, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


class TwoLayers(Model):
    """One layer for each phase; the second phase goes through both."""

    phases = ("first", "second")

    def __init__(self) -> None:
        super().__init__(None, INPUTS)
        self.first, self.second = nn.Linear(100, 50, bias=False), nn.Linear(50, 20, bias=False)

    def stages(self) -> list[Stage]:
        return [Stage(8, 4)]

    def optimizer(self, phase: str) -> torch.optim.Optimizer:
        return torch.optim.SGD((self.first if phase == "first" else self.second).parameters(), lr=0.1)

    def forward(self, batch: Batch, phase: str) -> Losses:
        code = self.first(batch.images.flatten(1)[:, :100])
        return {"loss": (code if phase == "first" else self.second(code)).sum()}

    def generate(self, batch: Batch, target: Target) -> torch.Tensor:
        return batch.images


def test_a_step_counts_what_each_phase_really_computes() -> None:
    batch = Batch(torch.rand(4, 3, 8, 8), torch.ones(4, 1, 8, 8), torch.zeros(4, 0), torch.zeros(4, dtype=torch.int64))
    first, second = 2 * 4 * 100 * 50, 2 * 4 * 50 * 20
    # In each phase its own weights get a gradient; nothing flows on to the images, nor to the other layer's weights.
    assert step_gflop(TwoLayers(), batch) * 1e9 == 2 * first + first + 2 * second


def test_the_peak_is_what_a_convolution_computes_in_the_time_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(0.0, 0.5)  # each of the repetitions takes half a second
    monkeypatch.setattr("mien.training.speed.time.perf_counter", lambda: next(ticks))
    peak = convolution_peak_gflops(torch.float32, channels=8, side=16, count=4)
    layer, maps = torch.nn.Conv2d(8, 8, 3, padding=1, bias=False), torch.rand(4, 8, 16, 16, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        layer(maps).sum().backward()
    assert peak * 0.5e9 == pytest.approx(counter.get_total_flops())
