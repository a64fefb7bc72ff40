"""How near two faces' expressions are, part by part, whoever they are and wherever they look."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SKIN, LEFT_EYE, RIGHT_EYE, MOUTH, BROWS, INSIDE = range(6)
"""Parts of a face. Each may come from other pictures. Left is the image's left. The last one is what lips enclose."""
_LEAST_SHARE = 0.1
"""What has a smaller share in a part is left out; what has a larger one loses as much, so that none comes or goes at
once."""


class _Measure(NamedTuple):
    name: str
    width: float
    """How far two faces may differ in it and still fit."""


_MEASURES = (
    (_Measure("opening", 0.6), _Measure("width", 0.15), _Measure("lift", 0.08), _Measure("brow", 0.12)),
    (_Measure("left_lid", 0.045), _Measure("brow", 0.12)),
    (_Measure("right_lid", 0.045), _Measure("brow", 0.12)),
    (_Measure("opening", 0.2), _Measure("width", 0.12), _Measure("lift", 0.06)),
    (_Measure("brow", 0.2),),
    (_Measure("opening", 0.45), _Measure("width", 0.12), _Measure("lift", 0.06)),
)
"""By part; in units of the distance between the eyes, but for `opening`, its logarithm, and lids, in widths of the
eye. Brows are raised by moving them, hardly by taking another picture."""
_POSE_DEGREES = (6.0, 12.0, 12.0, 12.0, 8.0, 12.0)
"""By part: how far two heads may be turned away from each other and still fit."""
_NAMES = ("opening", "width", "lift", "brow", "left_lid", "right_lid")
MOUTH_MEASURES, LID_MEASURES = [0, 1, 2], [4, 5]
"""Of `measures_of`, those of the mouth, and of the lids."""
_AT_REST = 4.0
"""How far from what most mouths do at rest one may be and still be at rest: squared, in widths of the measures."""
_ENOUGH, _CLOSED_PERCENT, _MOST_AT_REST = 6, 10, 0.1
"""Of so many pictures one in ten or more show a closed mouth, whose lips' landmarks are no farther apart than this."""
_EYES = (LEFT_EYE, RIGHT_EYE)
_ALIKE, _WINK = 0.08, 0.16
"""By how much the openings of two eyes may differ and still do the same, and from what on they do not, in widths of
the eye: landmarks of a turned head say of one that it is a little wider open."""
_CLOSED_MOUTH = 0.04
"""Mouths that are less open than this are all alike: what the logarithm is softened by."""


def measures_of(frontal: NDArray[np.float64]) -> NDArray[np.float64]:
    """What N faces do: float64 (N, 6). frontal: (N, 68, 2), as `Pose.frontal` gives it."""
    opening = (frontal[:, [65, 66, 67], 1] - frontal[:, [63, 62, 61], 1]).mean(1)
    corners, lips = frontal[:, [48, 54]], frontal[:, [51, 57], 1].mean(1)
    eyes_y = frontal[:, 36:48, 1].mean(1)

    def lid(upper: list[int], lower: list[int], corner: tuple[int, int]) -> NDArray[np.float64]:
        height = (frontal[:, lower, 1] - frontal[:, upper, 1]).mean(1)
        width = np.linalg.norm(frontal[:, corner[1]] - frontal[:, corner[0]], axis=-1)
        opening: NDArray[np.float64] = np.clip(height, 0, None) / np.maximum(width, 1e-3)
        return opening

    return np.stack(
        [
            np.log(np.clip(opening, 0, None) + _CLOSED_MOUTH),
            corners[:, 1, 0] - corners[:, 0, 0],
            lips - corners[:, :, 1].mean(1),
            eyes_y - frontal[:, 17:27, 1].mean(1),
            lid([37, 38], [41, 40], (36, 39)),
            lid([43, 44], [47, 46], (42, 45)),
        ],
        axis=1,
    )


def from_closed(measures: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Measures of one person's pictures, (M, 6), with mouths as far open as they are more than at rest, and that rest.

    Landmarks of full lips do not meet when the lips do. Some pictures show closed mouths; of few pictures nothing is
    known, and they stay as they are.
    """
    result, rest = measures.copy(), 0.0
    if len(measures) >= _ENOUGH:
        opening = np.exp(measures[:, 0]) - _CLOSED_MOUTH
        rest = min(float(np.percentile(opening, _CLOSED_PERCENT)), _MOST_AT_REST)
        result[:, 0] = np.log(np.clip(opening - rest, 0, None) + _CLOSED_MOUTH)
    return result, rest


def at_rest(measures: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a person's face measures at rest, float64 (6,): on the pictures on which it does what most people's do.

    measures: (M, 6), of the person's pictures. usual: (6,), of most people at rest. Somebody whose mouth does something
    else in all of them, as who smiles in their only one, has the usual mouth at rest.
    """
    result = np.average(measures, axis=0, weights=likeness(usual, measures, SKIN))
    nearest = float(distances(usual, measures, MOUTH).min())
    known = np.exp(-0.5 * max(nearest - _AT_REST, 0.0))
    result[MOUTH_MEASURES] += (1 - known) * (usual - result)[MOUTH_MEASURES]
    # Eyes at rest are open, and as far open left as right: what landmarks say of one in the shade is less.
    result[LID_MEASURES] = np.maximum(result, np.median(measures, axis=0))[LID_MEASURES].mean()
    return np.asarray(result)


def shares(wanted: NDArray[np.float64], of: NDArray[np.float64], part: int) -> NDArray[np.float64]:
    """How much each of M pictures has to do with a part of a face that does what is wanted: float64 (M,), sum 1.

    wanted: (6,) and of: (M, 6), by `measures_of`. They change continuously with what is wanted: a Gaussian of how far a
    picture is from it, relative to the nearest ones.
    """
    return _of_the_nearest(distances(wanted, of, part))


def kernel(
    wanted: NDArray[np.float64],
    of: NDArray[np.float64],
    angles: NDArray[np.float64],
    of_angles: NDArray[np.float64],
    quality: NDArray[np.float64],
    part: int,
    softness: float = 1.0,
) -> NDArray[np.float64]:
    """As `shares`, for pictures of a head that turns: how near the pose is counts, too.

    angles: (2,) and of_angles: (M, 2): yaw and pitch in degrees. quality: (M,), what each is worth besides. softness:
    by how much wider the Gaussian is.
    """
    turned = ((of_angles - angles) / _POSE_DEGREES[part]) ** 2
    return _of_the_nearest((distances(wanted, of, part) + turned.sum(1)) / softness**2, quality)


def likeness(wanted: NDArray[np.float64], of: NDArray[np.float64], part: int) -> NDArray[np.float64]:
    """How like each of M pictures is to what is wanted, in (0, 1]; the likest counts 1: float64 (M,)."""
    distance = distances(wanted, of, part)
    return np.asarray(np.exp(-0.5 * (distance - distance.min())))


def distances(wanted: NDArray[np.float64], of: NDArray[np.float64], part: int) -> NDArray[np.float64]:
    """How far each of M pictures is from what is wanted: float64 (M,), squared, in widths of the measures.

    Both eyes are compared together, so that they come from the same pictures, but where one of them winks.
    """
    if part not in _EYES:
        return _distances(wanted, of, part)
    both = (_distances(wanted, of, LEFT_EYE) + _distances(wanted, of, RIGHT_EYE)) / 2
    left, right = wanted[LID_MEASURES]
    winks = float(np.clip((abs(left - right) - _ALIKE) / (_WINK - _ALIKE), 0, 1))
    return np.asarray(both + winks * (_distances(wanted, of, part) - both))


def _distances(wanted: NDArray[np.float64], of: NDArray[np.float64], part: int) -> NDArray[np.float64]:
    numbers = [_NAMES.index(measure.name) for measure in _MEASURES[part]]
    widths = np.array([measure.width for measure in _MEASURES[part]])
    return np.asarray((((of[:, numbers] - wanted[numbers]) / widths) ** 2).sum(1))


def _of_the_nearest(distance: NDArray[np.float64], quality: NDArray[np.float64] | float = 1.0) -> NDArray[np.float64]:
    weights = quality * np.exp(-0.5 * (distance - distance.min()))
    weights /= weights.sum()
    weights = np.clip(weights - min(_LEAST_SHARE, 0.5 * weights.max()), 0, None)
    return np.asarray(weights / weights.sum())
