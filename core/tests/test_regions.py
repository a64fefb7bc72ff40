"""Losses that weigh eyes, mouth and brows more, and that ask for structure."""

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from mien.geometry.alignment import align
from mien.layers import (
    ReconstructionConfig,
    masked_dissimilarity,
    reconstruction_losses,
    region_weights,
    weighted_masks,
)
from mien.layers.structure import similarity
from mien.testing import portraits

SIZE = 64


@pytest.fixture(scope="module")
def landmarks() -> torch.Tensor:
    portrait = portraits()[0]
    crop = align(portrait.image, portrait.landmarks)
    return (torch.from_numpy(crop.landmarks)[None] + 0.5) * (SIZE / crop.size) - 0.5


def at(weights: torch.Tensor, point: torch.Tensor) -> float:
    x, y = point.round().int().tolist()
    return float(weights[0, 0, y, x])


def test_each_region_weighs_as_much_more_as_it_is_told(landmarks: torch.Tensor) -> None:
    weights = region_weights(landmarks, SIZE, eyes=4, mouth=2, brows=1)
    assert weights.shape == (1, 1, SIZE, SIZE)
    eyes = [landmarks[0, part].mean(0) for part in (slice(36, 42), slice(42, 48))]
    for eye in eyes:
        assert at(weights, eye) == pytest.approx(5, rel=0.1), "the eyeball weighs as much as the lids"
    assert at(weights, landmarks[0, 48:].mean(0)) == pytest.approx(3, rel=0.1)
    assert at(weights, landmarks[0, 19]) == pytest.approx(2, rel=0.25)
    assert at(weights, landmarks[0, [2, 31]].mean(0)) == pytest.approx(1, abs=0.1), "a cheek weighs 1"
    assert float(weights.min()) >= 1


def test_weights_have_no_steps(landmarks: torch.Tensor) -> None:
    weights = region_weights(landmarks, SIZE, eyes=4, mouth=4, brows=4)
    assert float(weights.diff(dim=2).abs().max()) < 1.5 and float(weights.diff(dim=3).abs().max()) < 1.5


def test_a_face_whose_landmarks_are_not_known_weighs_the_same_throughout(landmarks: torch.Tensor) -> None:
    both = torch.cat([torch.full_like(landmarks, torch.nan), landmarks])
    weights = region_weights(both, SIZE, eyes=4, mouth=4, brows=4)
    assert (weights[0] == 1).all() and (weights[1] > 1).any()


def test_without_settings_masks_stay_as_they_are_and_the_loss_is_l1_alone(landmarks: torch.Tensor) -> None:
    masks, images = torch.rand(1, 1, SIZE, SIZE), torch.rand(2, 1, 3, SIZE, SIZE)
    assert weighted_masks(masks, landmarks, ReconstructionConfig()) is masks
    assert set(reconstruction_losses(images[0], images[1], masks, ReconstructionConfig())) == {"l1"}


def test_a_wrong_lid_costs_more_where_eyes_weigh_more(landmarks: torch.Tensor) -> None:
    wanted, masks = torch.zeros(1, 3, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    x, y = landmarks[0, 36:42].mean(0).round().int().tolist()
    at_the_eye, on_the_cheek = wanted.clone(), wanted.clone()
    at_the_eye[..., y - 2 : y + 3, x - 2 : x + 3] = 1
    on_the_cheek[..., y + 13 : y + 18, x - 2 : x + 3] = 1
    config = ReconstructionConfig(eyes=6, edges=1, structure=1)
    weights = weighted_masks(masks, landmarks, config)
    eye, cheek = (reconstruction_losses(drawn, wanted, weights, config) for drawn in (at_the_eye, on_the_cheek))
    assert set(eye) == {"l1", "edges", "structure"}
    assert all(eye[part] > 1.5 * cheek[part] for part in eye)


def test_the_similarity_is_the_one_of_torchmetrics() -> None:
    torch.manual_seed(0)
    first, second = torch.rand(2, 3, 1, 40, 40)
    _, theirs = structural_similarity_index_measure(first, second, data_range=1.0, return_full_image=True)
    torch.testing.assert_close(similarity(first, second), theirs[..., 5:-5, 5:-5], atol=1e-4, rtol=1e-4)


def test_structure_counts_inside_of_the_mask_alone() -> None:
    torch.manual_seed(0)
    wanted, drawn = torch.rand(2, 2, 3, 48, 48) * 2 - 1
    masks = torch.zeros(2, 1, 48, 48)
    masks[..., 12:36, 16:32] = 1
    elsewhere = torch.where(masks > 0, drawn, torch.rand_like(drawn))
    loss = masked_dissimilarity(drawn, wanted, masks)
    assert loss == masked_dissimilarity(elsewhere, wanted, masks) > 0
    assert masked_dissimilarity(wanted, wanted, masks).abs() < 1e-6
    assert masked_dissimilarity(drawn, wanted, torch.zeros_like(masks)) == 0


def test_images_too_small_for_a_window_have_no_structure() -> None:
    images = torch.rand(2, 1, 3, 8, 8)
    assert masked_dissimilarity(images[0], images[1], torch.ones(1, 1, 8, 8)) == 0


def test_a_blur_loses_structure_that_a_step_towards_it_brings_back() -> None:
    torch.manual_seed(0)
    wanted, masks = torch.rand(1, 3, 32, 32) * 2 - 1, torch.ones(1, 1, 32, 32)
    drawn = torch.nn.functional.avg_pool2d(wanted, 3, 1, 1).requires_grad_()
    before = masked_dissimilarity(drawn, wanted, masks)
    before.backward()
    assert drawn.grad is not None
    with torch.no_grad():
        after = masked_dissimilarity(drawn - 0.1 * drawn.grad / drawn.grad.abs().mean(), wanted, masks)
    assert float(after) < float(before.detach())
