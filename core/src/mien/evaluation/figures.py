"""From what was seen of drawn faces to figures."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.judging import Judged, Originals
from mien.evaluation.looks import Looks
from mien.evaluation.measures import WEIGHTS, combined_score, expression_error, frechet_distance
from mien.evaluation.pixels import pixel_errors
from mien.evaluation.report import Figures
from mien.expression import correlations, expression
from mien.identity import Recognizer
from mien.pose import head_pose, pose_error_degrees


def figures_of(
    one: Judged,
    looks: Looks,
    seen: Originals,
    known: dict[str, NDArray[np.float32]],
    real: NDArray[np.float32],
    dataset: str,
    recognizer: Recognizer,
    diversity: float | None,
) -> Figures:
    """The figures of one way of drawing.

    looks: at its results, which belong to `seen`. known: person → encodings of their training faces. real: encodings
    of the faces that drawn ones should look like. dataset: whose faces were judged. diversity: of the strangers drawn.
    """
    limit = recognizer.same_person_below
    to_original = looks.distances_to(seen.encodings)
    to_people = {name: looks.distances_to(encodings.mean(0)) for name, encodings in known.items()}
    to_target = to_people[one.drawn_as] if one.drawn_as else None
    error = expression_error(seen.landmarks, looks.landmarks)
    pose = pose_error_degrees(head_pose(seen.landmarks), head_pose(looks.landmarks))
    is_swap = one.drawn_as is not None and one.drawn_as != dataset
    pixels = None if is_swap else pixel_errors(one.pictures, seen.crops)
    return Figures(
        name=one.drawer.name,
        learnt=one.drawer.learnt,
        drawn_as=one.drawn_as,
        found=float(looks.found.mean()),
        to_target=None if to_target is None else _median(to_target),
        verified_as_target=None if to_target is None else float((to_target < limit).mean()),
        to_original=_median(to_original),
        verified_as_original=float((to_original < limit).mean()),
        to_people={name: _median(values) for name, values in to_people.items()},
        expression_eyes=_mean(error.eyes),
        expression_mouth=_mean(error.mouth),
        expression=_mean(error.all),
        follows=correlations(expression(seen.landmarks), expression(looks.landmarks)),
        pose_degrees=_mean(pose),
        l1=pixels.l1 if pixels else None,
        ssim=pixels.ssim if pixels else None,
        psnr=pixels.psnr if pixels else None,
        frechet=frechet_distance(looks.encodings[looks.found], real),
        diversity=diversity if one.drawer.learnt and one.drawn_as is None else None,
        combined={
            f"{alpha:g},{beta:g}": float(combined_score(error.all, to_original, alpha, beta).mean())
            for alpha, beta in WEIGHTS
        },
    )


def _over(function: Callable[[NDArray[np.float64]], np.float64], values: NDArray[np.float64]) -> float:
    found = values[np.isfinite(values)]
    return float(function(found)) if len(found) else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    return _over(np.mean, values)


def _median(values: NDArray[np.float64]) -> float:
    return _over(np.median, values)
