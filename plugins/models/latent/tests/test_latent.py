import numpy as np
import pytest
import torch

from mien.contracts.model import ModelInputs
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training.run import make_model

TINY = {"size": 32, "bottleneck": 16, "code_channels": 8, "width": 8}


class TestLatent(ModelContract):
    name = "latent"
    small = TINY


def inputs(features: int, *people: str) -> ModelInputs:
    return ModelInputs(people, features, 10, np.zeros(features, np.float32), np.eye(features, dtype=np.float32))


def test_it_wants_features_and_one_person() -> None:
    with pytest.raises(MienError, match="draws from features"):
        make_model(Registry(), "latent", TINY, inputs(0, "a"))
    with pytest.raises(MienError, match="1 person, but 2"):
        make_model(Registry(), "latent", TINY, inputs(4, "a", "b"))


def test_only_the_features_decide_what_is_drawn() -> None:
    contract = TestLatent()
    model = contract.make().eval()
    batch = contract.batch(model, 2)
    other = contract.batch(model, 2).rows(torch.tensor([1, 0]))
    swapped = type(batch)(other.images, other.masks, batch.features, batch.identities)
    with torch.inference_mode():
        assert torch.equal(model.generate(batch, None), model.generate(swapped, None))
        assert not torch.equal(model.generate(batch, None), model.generate(other, None))
