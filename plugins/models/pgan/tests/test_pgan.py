import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.contracts.model import Batch, Model, ModelInputs
from mien.contracts.target import Synthetic
from mien.layers import latents_of
from mien.plugins.choice import PluginChoice
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training import TrainOptions, resume, train
from mien.training.run import TrainedRun, make_model

TINY = {"size": 16, "latent": 16, "maps": 32, "maps_most": 8, "batch_sizes": (4,), "average_decay": 0.5}


class TestPgan(ModelContract):
    name = "pgan"
    small = TINY


def inputs(*people: str, rows: int = 100) -> ModelInputs:
    return ModelInputs(people, 0, rows, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def step(model: Model, batch: Batch) -> None:
    """What the loop does in an iteration."""
    for phase in model.phases:
        optimizer = model.optimizer(phase)
        optimizer.zero_grad()
        model(batch, phase)["loss"].backward()
        optimizer.step()
        model.after_step(phase)


def test_the_reference_is_the_paper_s_networks_at_128() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "pgan", {}, inputs("a"))
    assert model.widths == [512, 512, 512, 512, 256, 128]
    assert model.generator.first.weight.shape == (512 * 4 * 4, 512)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (model.generator, model.discriminator)]
    # Table 2 of the paper has 23.1 million each at 1024×1024; the three levels from 256×256 on are 0.2 of them.
    assert [round(size / 1e6, 1) for size in sizes] == [22.9, 22.9]


def test_it_grows_by_the_reference_s_epochs_and_batches() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "pgan", {}, inputs("a", "b", rows=1000))
    stages = model.stages()
    assert [stage.resolution for stage in stages] == [4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128]
    assert [stage.fade for stage in stages] == [False] + [True, False] * 5
    assert [stage.batch_size for stage in stages] == [64, 64, 64, 64, 64, 32, 32, 16, 16, 16, 16]
    # Four epochs of 1000 faces, 64, 32 and 16 in a step.
    assert [stage.steps for stage in stages] == [63] * 5 + [125] * 2 + [250] * 3 + [None]


def test_many_people_need_no_larger_steps() -> None:
    people = [f"person{number}" for number in range(100)]
    few, many = (make_model(Registry(), "pgan", TINY, inputs(*names, rows=1000)) for names in (people[:2], people))
    assert few.stages() == many.stages()


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_it_draws_as_far_as_it_has_grown_also_when_it_was_saved_on_the_way(progress: float) -> None:
    contract = TestPgan()
    model = contract.make().train()
    fading = next(number for number, stage in enumerate(model.stages()) if stage.fade)
    batch = contract.batch(model, 3, fading)
    step(model, replace(batch, progress=progress))
    other = contract.make(seed=1)
    other.load_state_dict(model.state_dict())
    for grown in (model, other):
        grown.eval()
        assert (int(grown.level), float(grown.fade)) == (1, progress)
        people = Synthetic(torch.zeros(3, dtype=torch.int64))
        generated = grown.generate(contract.batch(grown, 3), people)
        assert generated.shape[-1] == 16
        small = grown.average(latents_of(people, 16), level=1, fade=progress)
        enlarged = torch.nn.functional.interpolate(small, size=(16, 16), mode="bilinear").clamp(-1, 1)
        torch.testing.assert_close(generated, enlarged)


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def test_resumed_in_the_middle_of_a_fade_it_goes_on_exactly(people: list[Path], tmp_path: Path) -> None:
    settings = {**TINY, "epochs_fade": 0.4, "epochs_stable": 0.02}
    faded = {}
    for run, steps in (("whole", 6), ("parts", 3)):
        train(PluginChoice("pgan", settings), people[:1], tmp_path / run, options=TrainOptions(steps=steps))
        grown = TrainedRun.open(tmp_path / run).model
        assert int(grown.level) == 1
        faded[run] = float(grown.fade)
    assert 0 < faded["parts"] < faded["whole"] < 1
    resume(tmp_path / "parts", steps=6)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
