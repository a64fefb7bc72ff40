from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.contracts.model import ModelInputs
from mien.contracts.target import Known
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


def test_it_wants_features() -> None:
    with pytest.raises(MienError, match="draws from features"):
        make_model(Registry(), "latent", TINY, inputs(0, "a"))


def test_of_several_people_each_is_drawn_as_who_they_are() -> None:
    model = make_model(Registry(), "latent", TINY, inputs(4, "a", "b", "c")).eval()
    batch = TestLatent().batch(model, 1)
    same = replace(batch, features=batch.features[:1].expand(3, -1))
    drawn = model.generate(same, Known(torch.arange(3)))
    assert not torch.allclose(drawn[0], drawn[1]) and not torch.allclose(drawn[1], drawn[2])
    assert torch.equal(model.generate(same, Known(torch.tensor([0, 0, 2])))[1], drawn[0])


def test_only_the_features_decide_what_is_drawn() -> None:
    contract = TestLatent()
    model = contract.make().eval()
    batch = contract.batch(model, 2)
    other = contract.batch(model, 2).rows(torch.tensor([1, 0]))
    swapped = type(batch)(other.images, other.masks, batch.features, batch.people)
    person = Known(torch.zeros(2, dtype=torch.int64))
    with torch.inference_mode():
        assert torch.equal(model.generate(batch, person), model.generate(swapped, person))
        assert not torch.equal(model.generate(batch, person), model.generate(other, person))


class TestLatentWithRegions(ModelContract):
    name = "latent"
    small = {**TINY, "eyes": 4.0, "mouth": 2.0, "brows": 1.0, "edges": 1.0, "structure": 0.5}
