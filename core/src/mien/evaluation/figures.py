"""From what was seen of drawn faces to figures."""

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.judging import Judged, Originals
from mien.evaluation.looks import Looks
from mien.evaluation.measures import (
    WEIGHTS,
    combined_score,
    expression_error,
    frechet_distance,
    mean_of_finite,
    median_of_finite,
)
from mien.evaluation.pixels import pixel_errors
from mien.evaluation.report import Figures
from mien.evaluation.strangers import Strangers
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
    strangers: Strangers,
) -> Figures:
    """The figures of one way of drawing.

    looks: at its results, which belong to `seen`. known: person → encodings of their training faces. real: encodings
    of the faces that drawn ones should look like. dataset: whose faces were judged. strangers: what else the
    model drew.
    """
    limit = recognizer.same_person_below
    to_original = looks.distances_to(seen.encodings)
    to_people = {name: looks.distances_to(encodings.mean(0)) for name, encodings in known.items()}
    to_target = to_people[one.drawn_as] if one.drawn_as else None
    nearest = np.min(list(to_people.values()), axis=0)
    invented = one.drawer.learnt and one.drawn_as is None
    error = expression_error(seen.landmarks, looks.landmarks)
    pose = pose_error_degrees(head_pose(seen.landmarks), head_pose(looks.landmarks))
    is_swap = one.drawn_as is not None and one.drawn_as != dataset
    pixels = None if is_swap else pixel_errors(one.pictures, seen.crops)
    return Figures(
        name=one.drawer.name,
        learnt=one.drawer.learnt,
        drawn_as=one.drawn_as,
        found=float(looks.found.mean()),
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
        follows=correlations(expression(seen.landmarks), expression(looks.landmarks)),
        pose_degrees=mean_of_finite(pose),
        l1=pixels.l1 if pixels else None,
        ssim=pixels.ssim if pixels else None,
        psnr=pixels.psnr if pixels else None,
        frechet=frechet_distance(looks.encodings[looks.found], real),
        diversity=strangers.diversity() if invented else None,
        constancy=strangers.constancy() if invented else None,
        combined={
            f"{alpha:g},{beta:g}": float(combined_score(error.all, to_original, alpha, beta).mean())
            for alpha, beta in WEIGHTS
        },
    )
