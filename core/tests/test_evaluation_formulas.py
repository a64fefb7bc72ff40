"""The formulas that runs are judged by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.evaluation.formulas import (
    combined_score,
    expression_error,
    frechet_distance,
    laid_over,
    mean_pairwise_distance,
)
from mien.testing import portraits

FACES = np.stack([portrait.landmarks for portrait in portraits()])


@settings(max_examples=60)
@given(
    scale=st.floats(0.1, 10), turn=st.floats(-np.pi, np.pi), shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500))
)
def test_place_size_and_rotation_are_no_expression(scale: float, turn: float, shift: tuple[float, float]) -> None:
    turned = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (FACES.astype(np.float64) @ turned.T + shift).astype(np.float32)
    for part in expression_error(FACES, moved):
        np.testing.assert_allclose(part, 0, atol=2e-3)


def test_a_mirrored_face_does_something_else() -> None:
    assert (expression_error(FACES, FACES * np.float32([-1, 1])).all > 0.03).all()


def test_an_open_mouth_is_an_error_of_the_mouth_and_not_of_the_eyes() -> None:
    opened = FACES.copy()
    opened[:, [56, 57, 58, 65, 66, 67], 1] += 12
    error = expression_error(FACES, opened)
    assert (error.mouth > 4 * error.eyes).all() and (error.mouth > error.all).all()


def test_a_face_that_was_not_found_has_no_error_but_a_score_of_nothing() -> None:
    lost = FACES.copy()
    lost[0] = np.nan
    error = expression_error(FACES, lost).all
    assert np.isnan(error[0]) and error[1] == pytest.approx(0, abs=1e-6)
    scores = combined_score(error, np.array([np.nan, 0.6]), 6.0, 1.0)
    assert scores.tolist() == [0.0, pytest.approx(0.5)]


def test_nothing_lies_nearer_than_what_least_squares_find() -> None:
    first, second = FACES[:1].astype(np.float64), FACES[1:].astype(np.float64)
    best = np.linalg.norm(laid_over(first, second) - second)
    generator = np.random.default_rng(0)
    for _ in range(200):
        nearby = laid_over(first, second) * (1 + generator.normal(0, 0.02)) + generator.normal(0, 2, 2)
        assert np.linalg.norm(nearby - second) >= best


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (6.0, 1.0)])
def test_somebody_else_with_the_same_expression_scores_best(alpha: float, beta: float) -> None:
    expression, identity = np.array([0.0, 0.0, 0.2]), np.array([0.9, 0.3, 0.9])
    other, same, grimace = combined_score(expression, identity, alpha, beta)
    assert other > same and other > grimace
    assert other == pytest.approx(1 / (1 + np.exp(-beta * 0.3)))


def test_the_frechet_distance_of_a_set_to_itself_is_nothing() -> None:
    encodings = np.random.default_rng(0).normal(size=(40, 128)).astype(np.float32)
    assert frechet_distance(encodings, encodings) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_known_normal_distributions() -> None:
    generator = np.random.default_rng(1)
    one = generator.normal(0, 1, (200_000, 3))
    other = generator.normal([1, 0, 0], [1, 2, 3], (200_000, 3))
    # |μ₁ − μ₂|² = 1; of uncorrelated values each adds (σ₁ − σ₂)²: 0, 1 and 4.
    assert frechet_distance(one, other) == pytest.approx(6, rel=0.02)
    assert frechet_distance(other, one) == pytest.approx(6, rel=0.02)


def test_fewer_than_two_faces_have_no_distribution() -> None:
    assert np.isnan(frechet_distance(np.zeros((1, 4), np.float32), np.zeros((5, 4), np.float32)))
    assert np.isnan(mean_pairwise_distance(np.zeros((1, 4), np.float32)))


def test_diversity_is_the_mean_distance_of_all_pairs() -> None:
    encodings = np.array([[0, 0], [3, 4], [0, 0]], np.float32)
    assert mean_pairwise_distance(encodings) == pytest.approx(10 / 3)
