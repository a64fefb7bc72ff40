import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.contracts.model import ModelInputs
from mien.contracts.target import Synthetic
from mien.errors import MienError
from mien.plugins.choice import PluginChoice
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training import TrainOptions, resume, train
from mien.training.run import TrainedRun, make_model

TINY = {
    "size": 16, "latent": 24, "maps": 32, "maps_most": 8, "batch_sizes": (4,), "average_decay": 0.5,
    "epochs_fade": 0.4, "epochs_stable": 0.02,
}  # fmt: skip


class TestCpgan(ModelContract):
    name = "cpgan"
    small = {**TINY, "reconstruction": 1.0}


class TestReference(ModelContract):
    name = "cpgan"
    small = {**TINY, "preset": "reference"}


def inputs(features: int, rows: int) -> ModelInputs:
    """As of so many faces with random features that hang together."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(rows, 3)) @ generator.normal(size=(3, features))
    covariance = np.cov(vectors, rowvar=False).reshape(features, features)
    return ModelInputs(("a", "b"), features, rows, vectors.mean(0).astype(np.float32), covariance.astype(np.float32))


def test_it_wants_features() -> None:
    with pytest.raises(MienError, match="draws from features"):
        make_model(Registry(), "cpgan", TINY, inputs(0, 5))


def test_features_that_leave_no_room_for_a_person_are_refused_with_a_way_out() -> None:
    with pytest.raises(MienError, match="200 features") as caught:
        make_model(Registry(), "cpgan", {**TINY, "preset": "reference"}, inputs(200, 100))
    assert "latent" in caught.value.fix


def test_the_reference_study_s_conditions_are_32_of_512_values_and_channels_beside_the_colors() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "cpgan", {"preset": "reference"}, inputs(32, 100))
    assert model.generator.first.weight.shape == (512 * 4 * 4, 512)
    assert model.known.shape[1] == 512 - 32
    seen = [layer.convolution.weight.shape[1] for layer in model.discriminator.from_rgb]
    assert seen == [3 + 32] * 6


@pytest.mark.parametrize("preset", ["reference", "small"])
@pytest.mark.parametrize("rows", [2, 5])
def test_few_faces_with_many_features_train(preset: str, rows: int) -> None:
    torch.manual_seed(0)
    model = make_model(Registry(), "cpgan", {**TINY, "latent": 256, "preset": preset}, inputs(200, rows))
    batch = replace(TestCpgan().batch(TestCpgan().make(), 2, 0), features=torch.randn(2, 200))
    for phase in model.phases:
        model(batch, phase)["loss"].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_features_decide_the_pose_and_the_number_the_person() -> None:
    contract = TestCpgan()
    model = contract.make().eval()
    batch = contract.batch(model, 2)
    same_face = replace(batch, features=batch.features[:1].expand(2, -1))
    two, one = Synthetic(torch.arange(2)), Synthetic(torch.zeros(2, dtype=torch.int64))
    other_image = replace(batch, images=-batch.images)
    with torch.inference_mode():
        generated = model.generate(batch, two)
        assert torch.equal(generated, model.generate(other_image, two))
        assert not torch.allclose(*model.generate(same_face, two))
        assert not torch.allclose(*model.generate(batch, one))


@pytest.mark.parametrize("condition", ["channels", "projection"])
def test_real_faces_with_another_s_features_count_as_drawn(condition: str) -> None:
    contract = TestCpgan()
    contract.small = {**TINY, "condition": condition, "drift": 0.0, "penalty": 0.0}
    model = contract.make().train()
    batch = contract.batch(model, 3, 2)
    own, other = model._conditions(batch.features), torch.randn(3, 10)
    generated = torch.rand(3, 3, 8, 8)
    level, fade = model.growth(batch)
    from mien.layers import CriticInput

    distance = model.critic_loss(
        CriticInput(batch.images, own), CriticInput(generated, other), level, fade, mismatched=other
    )["loss"]
    verdicts = [
        model.discriminator(images, conditions, level=level, fade=fade).mean()
        for images, conditions in ((batch.images, own), (generated, other), (batch.images, other))
    ]
    torch.testing.assert_close(distance, (verdicts[1] + verdicts[2]) / 2 - verdicts[0])


def test_the_joint_penalty_bounds_the_slope_along_the_features() -> None:
    contract = TestCpgan()
    penalties = {}
    for joint in (False, True):
        contract.small = {**TINY, "joint_penalty": joint}
        model = contract.make().train()
        with torch.no_grad():
            for parameter in (model.discriminator.projection.weight, model.discriminator.embedding.weight):
                parameter.mul_(10)
            model.discriminator.logits.weight.zero_()
        torch.manual_seed(0)
        penalties[joint] = float(model(contract.batch(model, 3, 0), "discriminator")["penalty"].detach())
    assert penalties[True] > 1.1 * penalties[False]


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.long
def test_resumed_in_the_middle_of_a_fade_it_goes_on_exactly(people: list[Path], tmp_path: Path) -> None:
    faded = {}
    for run, steps in (("whole", 6), ("parts", 3)):
        options = TrainOptions(steps=steps)
        train(PluginChoice("cpgan", TINY), people, tmp_path / run, features="landmarks:points=5", options=options)
        grown = TrainedRun.open(tmp_path / run).model
        assert int(grown.level) == 1
        faded[run] = float(grown.fade)
    assert 0 < faded["parts"] < faded["whole"] < 1
    resume(tmp_path / "parts", steps=6)
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")
