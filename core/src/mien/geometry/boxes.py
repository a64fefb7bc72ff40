"""Boxes around faces: how far two agree, and how one lies relative to another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Box

SAME_FACE_OVERLAP = 0.3
"""Intersection over union from which on two boxes show the same face; 0.3 is BlazeFace's own limit, too
(arXiv:1907.05047). Extractors draw their boxes differently wide: around the features, from brow to chin, or around the
head."""
SAME_FACE_SHARE = 0.75
"""Or so much of the smaller box lies in the larger one,"""
SAME_FACE_GROWTH = 2.5
"""which has a longer side less than so many times its own: a box around the head, and one around the features."""


def upright(box: Box) -> Box:
    """The smallest box that is not turned around a box."""
    return box if box.angle_degrees == 0 else box_of(box.corners)


def edges(box: Box) -> NDArray[np.float64]:
    """The upper left and the lower right corner before it is turned: float64 (2, 2), x before y."""
    return np.array([[box.left, box.top], [box.right, box.bottom]], np.float64)


def box_of(points: NDArray[np.floating]) -> Box:
    """The smallest box around points (N, 2), not turned."""
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return Box(left, top, right, bottom)


def center(box: Box) -> tuple[float, float]:
    """x and y."""
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def longer_side(box: Box) -> float:
    """In pixels, at least 1."""
    return max(box.right - box.left, box.bottom - box.top, 1.0)


def shared_area(first: Box, second: Box) -> float:
    """Of the intersection, in square pixels; of a turned box the upright one around it counts."""
    first, second = upright(first), upright(second)
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return max(width, 0.0) * max(height, 0.0)


def overlap(first: Box, second: Box) -> float:
    """Intersection over union, in [0, 1]; of a turned box the upright one around it counts."""
    shared = shared_area(first, second)
    union = upright(first).area + upright(second).area - shared
    return shared / union if union > 0 else 0.0


def is_same_face(first: Box, second: Box) -> bool:
    """Whether two boxes, possibly of different extractors, lie on the same face."""
    if overlap(first, second) >= SAME_FACE_OVERLAP:
        return True
    smaller = min(upright(first).area, upright(second).area)
    lies_within = smaller > 0 and shared_area(first, second) >= SAME_FACE_SHARE * smaller
    return lies_within and growth(first, second) < SAME_FACE_GROWTH


def box_distance(first: Box, second: Box) -> float:
    """How far the four corners lie apart on the mean, in pixels: movement as well as growth."""
    return float(np.linalg.norm(first.corners - second.corners, axis=1).mean())


def growth(first: Box, second: Box) -> float:
    """How many times larger the larger one is, by the longer side: at least 1."""
    sides = longer_side(first), longer_side(second)
    return max(sides) / min(sides)


def united(first: Box, second: Box) -> Box:
    """The smallest upright box around both."""
    return box_of(np.concatenate([first.corners, second.corners]))


def weighted_mean(boxes: Sequence[tuple[float, Box]]) -> Box:
    """The mean of boxes, each with its weight above 0. Angles are averaged around that of the first."""
    weights = np.array([weight for weight, _ in boxes])
    (left, top), (right, bottom) = np.average(
        np.stack([edges(box) for _, box in boxes]), axis=0, weights=weights
    ).tolist()
    first = boxes[0][1].angle_degrees
    turned = [(box.angle_degrees - first + 180) % 360 - 180 for _, box in boxes]
    return Box(left, top, right, bottom, first + float(np.average(turned, weights=weights)))
