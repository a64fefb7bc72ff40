"""Where a head is turned, in numbers: the rotation that lays a mean face's rigid points over those of a face.

The camera is taken as scaled orthographic: an image point is a head point times the first two rows of a rotation,
scaled and shifted. Least squares give those rows, and a singular value decomposition the nearest that are orthonormal:
the first step (POS) of D. F. DeMenthon and L. S. Davis, Model-Based Object Pose in 25 Lines of Code, IJCV 15, 1995.
"""

import json
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_RIGID = [0, 1, 2, 14, 15, 16, 17, 26, *range(27, 36), 36, 39, 42, 45]
"""Jaw beside the ears, outer ends of the brows, nose, corners of the eyes: what neither speech nor looks move much."""


class HeadAngles(NamedTuple):
    """Degrees, float64 (N,) each; all 0 for a face that looks straight into the camera, upright.

    The rotation is R_z(roll) · R_y(-yaw) · R_x(-pitch).
    """

    yaw: NDArray[np.float64]
    """Above 0 the face looks to the right side of the image."""
    pitch: NDArray[np.float64]
    """Above 0 the face looks up."""
    roll: NDArray[np.float64]
    """Above 0 the head leans to the right side of the image: it is turned clockwise."""


def mean_shape() -> NDArray[np.float64]:
    """The mean face, float64 (68, 3) in iBUG order: x right, y down, z away from the camera; symmetric.

    The eyes' centres are at a distance of 1, their middle is the origin. How it was measured stands in
    data/mean_shape_68.json. Its depths are those of the face mesh; by them the angles are scaled.
    """
    return _mean_shape().copy()


def head_pose(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rotations, float64 (N, 3, 3), from the mean face's axes to the camera's.

    landmarks: float32 (N, 68, 2), iBUG-68, any pixels; a face with a NaN (not found), or all in one place, gives NaN.
    """
    shape = _mean_shape()[_RIGID]
    points = landmarks[:, _RIGID].astype(np.float64)
    points -= points.mean(1, keepdims=True)
    rotations = np.full((len(points), 3, 3), np.nan)
    is_known = np.isfinite(landmarks).all((1, 2)) & (np.abs(points).max((1, 2)) > 0)
    projections = np.swapaxes(np.linalg.pinv(shape - shape.mean(0)) @ points[is_known], 1, 2)
    left, _, right = np.linalg.svd(projections, full_matrices=False)
    rows = left @ right
    rotations[is_known] = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    return rotations


def angles_degrees(rotations: NDArray[np.float64]) -> HeadAngles:
    """How far N rotations, (N, 3, 3), turn a head to the side, up and over; NaN stays NaN."""
    return HeadAngles(
        yaw=np.degrees(np.arcsin(np.clip(rotations[:, 2, 0], -1, 1))),
        pitch=-np.degrees(np.arctan2(rotations[:, 2, 1], rotations[:, 2, 2])),
        roll=np.degrees(np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0])),
    )


def pose_error_degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle of the turn from each rotation to its counterpart: (N, 3, 3) both, float64 (N,); NaN stays NaN."""
    # By the chord (D. Q. Huynh, J. Math. Imaging Vis. 35, 2009): the trace's arc cosine would lose small angles.
    chord = np.linalg.norm(first - second, axis=(1, 2)) / np.sqrt(8)
    angle: NDArray[np.float64] = np.degrees(2 * np.arcsin(np.clip(chord, 0, 1)))
    return angle


def turn_error_degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, less a turn within the head that all pairs have in common: (N, 3, 3) both, float64 (N,); NaN stays NaN.

    Two people who look the same way have other poses by landmarks, as a long nose or low brows read as a raised head:
    a constant, which is not how they move. It is the rotation nearest to the mean of the differences: G. Wahba's
    problem, SIAM Review 7, 1965, by singular value decomposition (F. L. Markley, 1988). All 0 for a single pair.
    """
    known = np.isfinite(first).all((1, 2)) & np.isfinite(second).all((1, 2))
    if not known.any():
        return np.full(len(first), np.nan)
    left, _, right = np.linalg.svd((np.swapaxes(first[known], 1, 2) @ second[known]).mean(0))
    common = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return pose_error_degrees(first @ common, second)


@cache
def _mean_shape() -> NDArray[np.float64]:
    text = (resources.files("mien") / "data" / "mean_shape_68.json").read_text(encoding="utf-8")
    return np.array(json.loads(text)["points"], np.float64)
