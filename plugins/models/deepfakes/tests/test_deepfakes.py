from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.contracts.model import ModelInputs
from mien.contracts.target import Known
from mien.errors import MienError
from mien.plugins.registry import Registry
from mien.testing.model import ModelContract
from mien.training.run import make_model
from mien_model_deepfakes.augment import Strengths, augment, fit_similarity, zoom

TINY = {"size": 32, "width": 4, "bottleneck": 16, "code_channels": 8, "shared_channels": 8, "decoder_width": 8}
NOTHING = Strengths(**dict.fromkeys(Strengths.__dataclass_fields__, 0.0))


class TestDeepfakes(ModelContract):
    name = "deepfakes"
    small = TINY


class TestDeepfakesWithRegions(ModelContract):
    name = "deepfakes"
    small = {**TINY, "eyes": 4.0, "mouth": 2.0, "brows": 1.0, "edges": 1.0, "structure": 0.5}


def inputs(*people: str) -> ModelInputs:
    return ModelInputs(people, 0, 10, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def test_the_reference_has_the_size_that_the_study_had() -> None:
    with torch.device("meta"):
        model = make_model(Registry(), "deepfakes", {}, inputs("a", "b"))
    # 151 million parameters at 128x128, as the original
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == 151


def test_it_wants_two_people() -> None:
    with pytest.raises(MienError, match="2 people, but 1"):
        make_model(Registry(), "deepfakes", TINY, inputs("a"))


def test_each_person_is_learnt_by_a_decoder_alone() -> None:
    contract = TestDeepfakes()
    model = contract.make()
    batch = contract.batch(model, 2)
    only_first = batch.rows(batch.people == 0)
    own = Known(only_first.people)
    generated = model.generate(only_first, own), model.generate(only_first, Known(own.people + 1))
    assert not torch.allclose(*generated)
    losses = model(batch, "main")
    losses["l1/person0"].backward()
    grads = [any(p.grad is not None for p in decoder.parameters()) for decoder in model.decoders]
    assert grads == [True, False]


def test_without_strength_the_example_is_the_image_itself() -> None:
    images, masks = faces()
    example = augment(images, masks, NOTHING)
    for ours in (example.shown, example.wanted):
        torch.testing.assert_close(ours, images, atol=2e-5, rtol=0)
    torch.testing.assert_close(example.mask, masks, atol=1e-5, rtol=0)


def test_outside_of_the_mask_it_stays_black_whatever_the_colors_do() -> None:
    images, masks = faces()
    torch.manual_seed(0)
    example = augment(images, masks, Strengths(2.5, 0.1, 5, 0.03, 0.05, 5, 0.5, 0.25, 0.25, 0.1, 0.05, 0.5))
    outside = example.mask.expand(-1, 3, -1, -1) == 0
    assert outside.any() and (example.wanted[outside] == -1).all()


def test_weights_move_with_the_face_and_without_any_it_is_the_mask() -> None:
    images, masks = faces()
    strengths = Strengths(2.5, 0.1, 5, 0.03, 0.05, 5, 0.5, 0.25, 0.25, 0.1, 0.05, 0.5)
    torch.manual_seed(0)
    example = augment(images, masks, strengths, 3 * masks)
    torch.testing.assert_close(example.weights, 3 * example.mask, atol=1e-5, rtol=0)
    without = augment(images, masks, strengths)
    assert torch.equal(without.weights, without.mask)


def test_trimming_shows_the_middle_enlarged() -> None:
    images, masks = faces()
    example = augment(images, masks, replace(NOTHING, trim=0.25))
    torch.testing.assert_close(example.wanted, zoom(images, 1 / 0.75), atol=1e-3, rtol=0)


@settings(max_examples=50, deadline=None)
@given(
    factor=st.complex_numbers(min_magnitude=0.2, max_magnitude=3), shift=st.complex_numbers(max_magnitude=2),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_a_similarity_is_found_again(factor: complex, shift: complex, seed: int) -> None:
    points = torch.randn(2, 25, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    found, moved = fit_similarity(points, points * factor + shift)
    torch.testing.assert_close(found, torch.full((2,), factor, dtype=torch.complex64), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(moved, torch.full((2,), shift, dtype=torch.complex64), atol=1e-4, rtol=1e-4)


def faces() -> tuple[torch.Tensor, torch.Tensor]:
    contract = TestDeepfakes()
    batch = contract.batch(contract.make(), 2)
    return batch.images, batch.masks
