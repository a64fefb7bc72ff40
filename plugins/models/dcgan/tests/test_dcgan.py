import json
from pathlib import Path

import pytest
import torch

from mien.plugins.choice import PluginChoice
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training import TrainOptions, train
from mien.training.run import make_model

TINY = {"size": 16, "width": 4, "latent": 8, "noise_epochs": 0.1}


class TestDcgan(ModelContract):
    name = "dcgan"
    small = TINY


def test_the_reference_is_the_paper_s_network() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "dcgan", {}, TestDcgan().inputs())
    narrowing = [layer.out_channels for layer in model.generator if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert narrowing == [256, 128, 64, 3]
    assert model.generator[1].unflattened_size == (512, 4, 4)


def test_noise_on_what_the_discriminator_sees_falls_with_the_stages() -> None:
    contract = TestDcgan()
    contract.small = {**TINY, "noise": (4.0, 1.0, 0.0)}
    model = contract.make().eval()
    stages = model.stages()
    assert [stage.steps is None for stage in stages] == [False, False, True]
    seen: list[torch.Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for number in range(3):
        model(contract.batch(model, 3, number), "discriminator")
    spread = [float(images.std()) for images in seen[::2]]  # the real ones of each stage
    assert spread[0] > 3 > spread[1] > spread[2]
    assert torch.equal(seen[4], contract.batch(model, 3, 2).images)


def test_an_epoch_is_all_faces_once() -> None:
    contract = TestDcgan()
    contract.small = {**TINY, "batch_size": 5, "noise_epochs": 3.0}
    assert contract.make().stages()[0].steps == 3 * 100 // 5  # of the contract's 100 faces of one person


@pytest.mark.long
def test_the_noise_goes_on_where_it_was_when_a_run_is_resumed(people: list[Path], tmp_path: Path) -> None:
    options = TrainOptions(steps=5, steps_per_log=1)
    settings = {**TINY, "noise_epochs": 0.02, "batch_size": 2}
    train(PluginChoice("dcgan", settings), people[:1], tmp_path / "run", options=options)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    stages = [line["stage"] for line in lines if "stage" in line]
    assert stages == sorted(stages) and stages[-1] == 3
