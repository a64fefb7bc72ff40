"""What faces do, by blendshapes: followed, lost, and lids that close half of the way."""

import numpy as np
import pytest

from mien import MienError, Registry
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.geometry.blendshapes import NEEDED, lid_closure, motion, motion_correlations

NAMES = sorted(NEEDED)


def weights(**values: np.ndarray) -> np.ndarray:
    count = len(next(iter(values.values())))
    result = np.zeros((count, len(NAMES)), np.float32)
    for name, column in values.items():
        for number, known in enumerate(NAMES):
            if known.startswith(name):
                result[:, number] = column
    return result


def test_what_follows_correlates_and_what_stays_says_nothing() -> None:
    jaw = np.array([0.0, 0.5, 0.1, 0.7])
    original = motion(weights(jawOpen=jaw), NAMES)
    half = motion(weights(jawOpen=jaw / 2), NAMES)
    r = motion_correlations(original, half)
    assert r["jaw"] == pytest.approx(1) and np.isnan(r["smile"])


def test_eyes_that_look_to_one_side_turn_the_gaze_there() -> None:
    looking = motion(weights(eyeLookOutLeft=np.ones(1), eyeLookInRight=np.ones(1), eyeLookUp=np.ones(1)), NAMES)
    assert (looking.gaze_x[0], looking.gaze_y[0]) == (1, 1)


def test_lids_close_as_far_as_they_do() -> None:
    lids = np.array([0.1, 0.1, 0.1, 0.7, 0.1, 0.7, np.nan])
    assert lid_closure(lids, lids) == pytest.approx(1)
    assert lid_closure(lids, 0.3 + lids / 2) == pytest.approx(0.5)
    assert lid_closure(lids, np.full(7, 0.1)) == 0
    assert np.isnan(lid_closure(np.full(7, 0.1), lids))


def test_a_feature_without_such_names_is_no_judge() -> None:
    with pytest.raises(MienError, match="measures no expressions"):
        ExpressionJudge(Registry(), "thumbnail")


def test_the_projects_own_judges_where_nothing_is_said() -> None:
    pytest.importorskip("mien_feature_blendshapes")
    judge = ExpressionJudge(Registry(), default_expression_judge(Registry()) or "")
    assert set(judge.names) >= NEEDED and judge.record.distribution == "mien-feature-blendshapes"
