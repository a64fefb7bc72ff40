from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.contracts.model import ModelInputs
from mien.contracts.target import Synthetic
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training.run import make_model

TINY = {"size": 16, "width": 4, "latent": 8, "noise_epochs": 0.1}


class TestCgan(ModelContract):
    name = "cgan"
    small = TINY


class TestReference(ModelContract):
    name = "cgan"
    small = {**TINY, "preset": "reference"}


def inputs(features: int, rows: int) -> ModelInputs:
    """As of so many faces with random features that hang together."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(rows, 3)) @ generator.normal(size=(3, features))
    covariance = np.cov(vectors, rowvar=False).reshape(features, features)
    return ModelInputs(("a", "b"), features, rows, vectors.mean(0).astype(np.float32), covariance.astype(np.float32))


def test_it_wants_features() -> None:
    with pytest.raises(MienError, match="draws from features"):
        make_model(Registry(), "cgan", TINY, inputs(0, 5))


@pytest.mark.parametrize("preset", ["reference", "small"])
@pytest.mark.parametrize("rows", [2, 5])
def test_few_faces_with_many_features_train(preset: str, rows: int) -> None:
    torch.manual_seed(0)
    model = make_model(Registry(), "cgan", {**TINY, "preset": preset}, inputs(200, rows))
    batch = replace(TestCgan().batch(TestCgan().make(), 2, 0), features=torch.randn(2, 200))
    for phase in model.phases:
        model(batch, phase)["loss"].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_reference_study_s_conditions_are_z_and_20_landmark_coordinates() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "cgan", {"preset": "reference"}, inputs(20, 100))
    assert model.generator[0].in_features == 120
    second = model.discriminator.rest[0]
    assert second.in_channels == 64 + 20


def test_features_decide_the_pose_and_the_number_the_person() -> None:
    contract = TestCgan()
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
