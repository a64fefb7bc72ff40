"""Features as conditions: drawn from the dataset's distribution, and standardized."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mien.contracts.model import ModelInputs
from mien.contracts.target import Synthetic
from mien.dataset import Dataset
from mien.layers import FeatureDistribution, MovingAverage, StandardizedFeatures, latents_of


def inputs(vectors: np.ndarray) -> ModelInputs:
    rows, features = vectors.shape
    covariance = np.atleast_2d(np.cov(vectors, rowvar=False)) if rows > 1 else np.zeros((features, features))
    return ModelInputs(("a",), features, rows, vectors.mean(0).astype(np.float32), covariance.astype(np.float32))


def correlated(rows: int, features: int, rank: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, rank)) @ generator.normal(size=(rank, features)) + generator.normal(
        size=features
    )


def test_what_is_drawn_has_the_dataset_s_mean_and_covariance() -> None:
    known = inputs(correlated(500, 6, 6))
    torch.manual_seed(0)
    drawn = FeatureDistribution(known).draw(200_000).double().numpy()
    np.testing.assert_allclose(drawn.mean(0), known.feature_mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), known.feature_covariance, atol=0.15)


@given(rows=st.integers(1, 6), features=st.integers(1, 40), rank=st.integers(1, 4), seed=st.integers(0, 1000))
def test_a_singular_covariance_draws_within_the_span_of_the_faces(
    rows: int, features: int, rank: int, seed: int
) -> None:
    vectors = correlated(rows, features, rank, seed)
    torch.manual_seed(seed)
    drawn = FeatureDistribution(inputs(vectors)).draw(16).double().numpy()
    assert np.isfinite(drawn).all()
    centered = vectors - vectors.mean(0)
    inside = np.linalg.pinv(centered, rcond=1e-6) @ centered
    offset = drawn - vectors.mean(0)
    np.testing.assert_allclose(offset @ inside, offset, atol=5e-3 * max(1.0, float(np.abs(vectors).max())))


def test_standardized_features_have_variance_one_and_hang_together_no_more() -> None:
    vectors = correlated(400, 50, 5)
    standardized = StandardizedFeatures(inputs(vectors), most=64)
    assert standardized.length == 5, "components without variance are left out"
    values = standardized(torch.from_numpy(vectors.astype(np.float32))).double().numpy()
    np.testing.assert_allclose(np.cov(values, rowvar=False), np.eye(5), atol=0.06)


def test_only_so_many_components_are_kept_as_asked_for() -> None:
    assert StandardizedFeatures(inputs(correlated(400, 50, 20)), most=8).length == 8


@pytest.mark.parametrize("part", [slice(36, 48), slice(48, 68)])
def test_nearly_all_that_landmarks_say_of_eyes_and_mouth_stays(people: list[Path], part: slice) -> None:
    dataset = Dataset.open(people[0])
    landmarks = dataset.landmarks().astype(np.float64) / dataset.info.alignment.size * 2 - 1
    vectors = landmarks.reshape(len(landmarks), -1)
    projection = StandardizedFeatures(inputs(vectors), most=64).projection.double().numpy()
    components = projection / np.linalg.norm(projection, axis=0)
    centered = vectors - vectors.mean(0)
    lost = (centered - centered @ components @ components.T).reshape(landmarks.shape)[:, part]
    there = centered.reshape(landmarks.shape)[:, part]
    # About the region's own middle: where it is in the crop the head says.
    lost, there = (values - values.mean(1, keepdims=True) for values in (lost, there))
    assert 1 - lost.var(0).sum() / there.var(0).sum() > 0.9


def test_one_face_alone_can_be_standardized() -> None:
    standardized = StandardizedFeatures(inputs(correlated(1, 7, 2)), most=4)
    assert standardized(torch.zeros(2, 7)).isfinite().all()


@pytest.mark.parametrize("decay", [0.9, 0.999])
def test_an_average_lies_between_the_first_and_the_last_weights(decay: float) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(network, decay)
    for value in range(1, 101):
        torch.nn.init.constant_(network.weight, float(value))
        average.update(network)
    averaged = float(average.network.weight)
    assert 45 <= averaged < 100 and (decay < 0.99) == (averaged > 85)
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_a_synthetic_persons_number_decides_their_latents_alone() -> None:
    target = Synthetic(torch.tensor([7, 3, 7, 2**62]))
    latents = latents_of(target, 5)
    assert torch.equal(latents[0], latents[2]) and not torch.equal(latents[0], latents[1])
    assert torch.equal(latents_of(target.rows(torch.tensor([3])), 5)[0], latents[3])
