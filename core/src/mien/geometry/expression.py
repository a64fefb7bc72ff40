"""What a face does, in numbers: how far the mouth and the eyes are open, and whether a second face does the same."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE

_UPPER_INNER_LIP, _LOWER_INNER_LIP = 62, 66
_LEFT_CORNER, _RIGHT_CORNER = 48, 54
_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))


class Expression(NamedTuple):
    """Shares of the distance between the eyes' centres; float64 (N,) each."""

    mouth_opening: NDArray[np.float64]
    """Between the middles of the inner lips."""
    mouth_width: NDArray[np.float64]
    """Between the corners of the mouth."""
    eye_opening: NDArray[np.float64]
    """Between upper and lower lid, mean of two places on each eye."""


def expression(landmarks: NDArray[np.float32]) -> Expression:
    """Measure N faces. landmarks: float32 (N, 68, 2), iBUG-68, any pixels; a face of NaN (not found) stays NaN."""
    points = landmarks.astype(np.float64)
    eyes = np.linalg.norm(points[:, LEFT_EYE].mean(1) - points[:, RIGHT_EYE].mean(1), axis=-1)

    def between(first: int, second: int) -> NDArray[np.float64]:
        distance: NDArray[np.float64] = np.linalg.norm(points[:, first] - points[:, second], axis=-1) / eyes
        return distance

    return Expression(
        between(_UPPER_INNER_LIP, _LOWER_INNER_LIP),
        between(_LEFT_CORNER, _RIGHT_CORNER),
        np.mean([between(upper, lower) for upper, lower in _LIDS], axis=0),
    )


def correlations(original: Expression, result: Expression) -> dict[str, float]:
    """How each measure of the result follows the original's: Pearson's r over the frames in which both were found.

    NaN where there are fewer than three such frames or one of the two does not move at all.
    """
    return {
        name: pearson(first, second) for name, first, second in zip(Expression._fields, original, result, strict=True)
    }


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's r of N pairs of which both are finite; NaN for fewer than three, or if one does not move at all."""
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
