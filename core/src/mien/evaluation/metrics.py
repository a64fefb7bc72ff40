"""From what was seen of drawn faces to figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.expression_judge import ExpressionJudge
from mien.evaluation.formulas import (
    WEIGHTS,
    combined_score,
    expression_error,
    frechet_distance,
    mean_of_finite,
    median_of_finite,
)
from mien.evaluation.observation import Observations, identity_distances
from mien.evaluation.pixels import pixel_errors
from mien.evaluation.report import JudgeMetrics, Metrics, MotionMetrics
from mien.evaluation.results import Originals, PredictorResult
from mien.evaluation.synthetic_people import SyntheticPeople
from mien.geometry.blendshapes import lid_closure, motion_correlations
from mien.geometry.expression import correlations, expression
from mien.geometry.pose import head_pose, pose_error_degrees
from mien.tracking.recognizer import Recognizer


@dataclass(frozen=True, slots=True)
class RecognizedPeople:
    """A recognizer, and what it makes of the people of a run."""

    recognizer: Recognizer
    known: dict[str, NDArray[np.float32]]
    """Person → encodings of their training faces."""


def compute_metrics(
    result: PredictorResult,
    observations: Observations,
    originals: Originals,
    recognized: RecognizedPeople,
    real: NDArray[np.float32],
    people: Sequence[str],
    synthetic: SyntheticPeople,
    judges: Sequence[RecognizedPeople] = (),
    expressions: ExpressionJudge | None = None,
) -> Metrics:
    """The figures of one way of drawing.

    observations: of its results, which belong to `originals`. recognized: by what the figures are. real: encodings of
    the faces that drawn ones should look like. people: whose faces were evaluated. synthetic: what else the model drew.
    judges: who else says whose faces they are, in the order of `Observations.by_judges`. expressions: who says what
    they do.
    """
    limit = recognized.recognizer.same_person_below
    to_original = observations.distances_to(originals.encodings)
    to_people = {name: observations.distances_to(encodings.mean(0)) for name, encodings in recognized.known.items()}
    to_target = to_people[result.drawn_as] if result.drawn_as else None
    nearest = np.min(list(to_people.values()), axis=0)
    invented = not result.predictor.is_baseline and result.drawn_as is None
    error = expression_error(originals.landmarks, observations.landmarks)
    pose = pose_error_degrees(head_pose(originals.landmarks), head_pose(observations.landmarks))
    is_swap = result.drawn_as is not None and (result.drawn_as,) != tuple(people)
    pixels = None if is_swap else pixel_errors(result.images, originals.crops)
    return Metrics(
        name=result.predictor.name,
        is_baseline=result.predictor.is_baseline,
        drawn_as=result.drawn_as,
        found=float(observations.found.mean()),
        to_target=None if to_target is None else median_of_finite(to_target),
        to_target_mean=None if to_target is None else mean_of_finite(to_target),
        verified_as_target=None if to_target is None else float((to_target < limit).mean()),
        to_original=median_of_finite(to_original),
        to_original_mean=mean_of_finite(to_original),
        verified_as_original=float((to_original < limit).mean()),
        verified_as_known=float((nearest < limit).mean()),
        to_people={name: median_of_finite(values) for name, values in to_people.items()},
        expression_eyes=mean_of_finite(error.eyes),
        expression_mouth=mean_of_finite(error.mouth),
        expression=mean_of_finite(error.all),
        follows=correlations(expression(originals.landmarks), expression(observations.landmarks)),
        pose_degrees=mean_of_finite(pose),
        l1=pixels.l1 if pixels else None,
        ssim=pixels.ssim if pixels else None,
        psnr=pixels.psnr if pixels else None,
        frechet=frechet_distance(observations.encodings[observations.found], real),
        diversity=synthetic.diversity() if invented else None,
        constancy=synthetic.constancy() if invented else None,
        combined={
            f"{alpha:g},{beta:g}": float(combined_score(error.all, to_original, alpha, beta).mean())
            for alpha, beta in WEIGHTS
        },
        judges={
            judge.recognizer.record.choice: _judged(judge, result.drawn_as, encodings, original)
            for judge, encodings, original in zip(judges, observations.by_judges, originals.by_judges, strict=True)
        },
        motion=motion_metrics(expressions, originals.weights, observations.weights) if expressions else None,
    )


def motion_metrics(
    judge: ExpressionJudge, originals: NDArray[np.float32], results: NDArray[np.float32]
) -> MotionMetrics:
    """Whether results do what their originals did, in the eyes of a judge of expressions: (N, W) each, by it."""
    original, result = judge.motion(originals), judge.motion(results)
    follows, closure = motion_correlations(original, result), lid_closure(original.blink, result.blink)
    return MotionMetrics(
        follows={name: r for name, r in follows.items() if np.isfinite(r)},
        lid_closure=closure if np.isfinite(closure) else None,
    )


def _judged(
    judge: RecognizedPeople, drawn_as: str | None, encodings: NDArray[np.float32], originals: NDArray[np.float32]
) -> JudgeMetrics:
    limit = judge.recognizer.same_person_below
    to_original = identity_distances(encodings, originals)
    to_target = None if drawn_as is None else identity_distances(encodings, judge.known[drawn_as].mean(0))
    return JudgeMetrics(
        same_person_below=limit,
        to_target=None if to_target is None else median_of_finite(to_target),
        verified_as_target=None if to_target is None else float((to_target < limit).mean()),
        to_original=median_of_finite(to_original),
        verified_as_original=float((to_original < limit).mean()),
    )
