import numpy as np
import pytest

from mien.dataset import Dataset
from mien.geometry.expression import Expression, correlations, expression


def faces(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 68, 2)).astype(np.float32) * 20 + 64


def test_it_does_not_depend_on_place_size_and_turn() -> None:
    before = faces(5)
    turn = 3 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    for one, other in zip(expression(before), expression(before @ turn.T + [10, 20]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_smile_is_wider_than_a_mouth_at_rest(people) -> None:
    measured = expression(Dataset.open(people[1]).landmarks())
    # J looks straight for half a second, then smiles with open mouth and blinks once.
    assert measured.mouth_width[-10:].mean() > 1.3 * measured.mouth_width[:10].mean()
    assert measured.mouth_opening[-10:].mean() > 5 * measured.mouth_opening[:10].mean()
    assert measured.eye_opening.min() < 0.5 * np.median(measured.eye_opening)


def test_the_same_movement_follows_wholly_and_frames_without_a_face_are_left_out() -> None:
    original = expression(faces(20))
    moved = Expression(*(2 * part + 1 for part in original))
    assert correlations(original, moved) == pytest.approx(dict.fromkeys(Expression._fields, 1.0))
    moved.mouth_width[3] = np.nan
    assert correlations(original, moved)["mouth_width"] == pytest.approx(1.0)
    still = Expression(*(np.ones(20) for _ in original))
    assert np.isnan(correlations(original, still)["mouth_opening"])
