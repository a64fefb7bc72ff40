"""What a face does, told by its blendshapes, and whether a second face does the same, whoever it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.geometry.expression import pearson

_GAZE = ("LookIn", "LookOut", "LookUp", "LookDown")
_SIDES = ("Left", "Right")
NEEDED = frozenset(
    {"jawOpen", "browInnerUp"}
    | {f"{name}{side}" for name in ("mouthSmile", "browOuterUp", "browDown", "eyeBlink") for side in _SIDES}
    | {f"eye{name}{side}" for name in _GAZE for side in _SIDES}
)
"""ARKit's names of the weights that are looked at; left and right are the subject's."""
LEAST_BLINK = 0.15
"""Where the lids of the original move by less, nothing is said of blinks."""
_CLOSED = 0.5


class Motion(NamedTuple):
    """Sums and differences of weights; float64 (N,) each, NaN of a face that was not found."""

    jaw: NDArray[np.float64]
    """How far it is open."""
    smile: NDArray[np.float64]
    """Mean of both corners of the mouth."""
    brows: NDArray[np.float64]
    """Up, less down: mean of the inner and the two outer ones."""
    blink: NDArray[np.float64]
    """How far the lids are closed, mean of both."""
    gaze_x: NDArray[np.float64]
    """To the subject's left."""
    gaze_y: NDArray[np.float64]
    """Up."""


def motion(weights: NDArray[np.float32], names: Sequence[str]) -> Motion:
    """What N faces do.

    weights: float32 (N, W), NaN for a face that was not found. names: what the W are called, those of NEEDED among
    them. Raises ValueError if one is not.
    """
    column = {name: weights[:, names.index(name)].astype(np.float64) for name in NEEDED}

    def both(name: str) -> NDArray[np.float64]:
        return (column[f"{name}Left"] + column[f"{name}Right"]) / 2

    left, right = (
        {what: column[f"eye{what}{side}"] for what in _GAZE} for side in _SIDES
    )  # each eye looks out to its own side
    return Motion(
        jaw=column["jawOpen"],
        smile=both("mouthSmile"),
        brows=(column["browInnerUp"] + 2 * both("browOuterUp")) / 3 - both("browDown"),
        blink=both("eyeBlink"),
        gaze_x=(left["LookOut"] - left["LookIn"] + right["LookIn"] - right["LookOut"]) / 2,
        gaze_y=both("eyeLookUp") - both("eyeLookDown"),
    )


def motion_correlations(original: Motion, result: Motion) -> dict[str, float]:
    """How each follows the original's: Pearson's r over the faces found in both; NaN as `correlations` has it."""
    return {name: pearson(first, second) for name, first, second in zip(Motion._fields, original, result, strict=True)}


def lid_closure(original: NDArray[np.float64], result: NDArray[np.float64]) -> float:
    """How far the lids of the result close where the original's are closed, of how far the original's do.

    original, result: `Motion.blink` of N faces each. Open are the lids in the half of the faces in which the original's
    are least closed; closed, where they have gone more than half of the way from there to the most closed. The share is
    of the distance between the medians of these two. 1: as far; above: further; NaN if the original blinks nowhere.
    """
    both = np.isfinite(original) & np.isfinite(result)
    original, result = original[both], result[both]
    if not len(original):
        return float("nan")
    is_open = original <= np.median(original)
    at_rest, most = float(np.median(original[is_open])), float(original.max())
    if most - at_rest < LEAST_BLINK:
        return float("nan")
    is_closed = original > at_rest + _CLOSED * (most - at_rest)
    moved, wanted = (float(np.median(lids[is_closed]) - np.median(lids[is_open])) for lids in (result, original))
    return moved / wanted
