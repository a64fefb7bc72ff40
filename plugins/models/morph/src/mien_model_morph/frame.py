"""The common frame of all faces: its points, its triangles, and the piecewise affine maps into and out of it.

The frame is a picture of 256×256 px in which every face has the same shape: `mien.geometry.pose.mean_shape`, seen from
the front, with the eyes and the mouth wide open so that lids, lashes and teeth have room. What is drawn into it from
two pictures can be mixed pixel by pixel.
"""

from functools import cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.geometry.pose import angles_degrees, head_pose, mean_shape
from mien_model_morph.gaze import iris_points

FRAME_PX = 256
"""Side of the frame."""
_PX_PER_UNIT, _MIDDLE = 74.0, (0.0, 0.55)
"""A unit is the distance between the eyes' centers; the second is what lies in the middle of the frame."""
_JAW, _LANDMARKS = 17, 68
_FOREHEAD = 11
_HULL = [*range(_JAW), *range(_LANDMARKS, _LANDMARKS + _FOREHEAD)]
"""Jaw from the left ear to the right one, then the forehead from right to left: the face's outline, in order."""
_INNER = _LANDMARKS + _FOREHEAD + 2
"""Landmarks, forehead and irises: all but the points around the outline."""
RIGID = [0, 1, 2, 14, 15, 16, 17, 26, *range(27, 36), 36, 39, 42, 45]
"""Landmarks that neither speech nor looks move much, as in `mien.geometry.pose`."""
_RING = 1.16
"""How far outside of the outline the last points lie: a soft edge needs something to fade from."""
_BROW, _AROUND_BROW = 0.13, 0.05
"""How far down a brow reaches from its landmarks, which lie on its upper edge, and how far it is seen around that: in
distances between the eyes."""
_PULLED_SIDE, _PULLED = 0.9, 0.96
"""Where textures are taken from at the outline, as shares of the way from the face's middle: landmarks of the jaw lie
beside the cheek as often as on it, and ears, hair and background do not belong into a texture."""


class Pose(NamedTuple):
    """How the mean head lies in an image: a point x of it is seen at scale · turn[:2] @ x + shift."""

    turn: NDArray[np.float64]
    """float64 (3, 3), a rotation."""
    scale: float
    """Pixels for the distance between the eyes' centers."""
    shift: NDArray[np.float64]
    """float64 (2,), pixels."""

    def seen(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the head, (N, 3), in pixels of the image: float64 (N, 2)."""
        at: NDArray[np.float64] = self.scale * points @ self.turn[:2].T + self.shift
        return at

    def frontal(self, landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Landmarks (68, 2) as if seen from the front, with the depths of the mean head: float64 (68, 2), in units."""
        flat = (landmarks - self.shift) / self.scale - mean_shape()[:, 2:] * self.turn[:2, 2]
        # Near the profile one direction can hardly be seen; then the inverse is held back.
        left, values, right = np.linalg.svd(self.turn[:2, :2])
        inverse = right.T @ np.diag(values / (values**2 + 0.02)) @ left.T * (1 + 0.02)
        seen: NDArray[np.float64] = flat @ inverse.T
        return seen

    def angles(self) -> NDArray[np.float64]:
        """Yaw and pitch of the head, as in `mien.geometry.pose`: float64 (2,), degrees."""
        angles = angles_degrees(self.turn[None])
        return np.array([angles.yaw[0], angles.pitch[0]])


def pose_of(landmarks: NDArray[np.float64]) -> Pose:
    """The pose of a face by the points that expression moves least. landmarks: (68, 2), finite, in any pixels."""
    turn = head_pose(landmarks[None].astype(np.float32))[0]
    if not np.isfinite(turn).all():  # all in one place
        return Pose(np.eye(3), 1.0, landmarks.mean(0))
    shape = mean_shape()[RIGID]
    model, seen = shape @ turn[:2].T, landmarks[RIGID]
    centered = model - model.mean(0)
    scale = max(float((centered * (seen - seen.mean(0))).sum() / (centered**2).sum()), 1e-3)
    return Pose(turn, scale, seen.mean(0) - scale * model.mean(0))


def all_points(landmarks: NDArray[np.float64], pose: Pose, irises: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks (68, 2) and points on forehead and irises and around the outline, as the triangles want them: (P, 2).

    No landmark lies on the forehead: it is the mean head's, in the face's pose. irises: (2,), by `iris_offsets`.
    """
    inner = np.concatenate([landmarks, pose.seen(_forehead()), iris_points(landmarks, irises)])
    return np.concatenate([inner, _ring(inner)])


def texture_points(landmarks: NDArray[np.float64], irises: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where in a picture the texture of each point is taken from: (P, 2), the outline pulled in towards the middle."""
    points = all_points(landmarks, pose_of(landmarks), irises)
    inner = points[:_INNER].copy()
    middle = inner[27:36].mean(0)
    pull = np.full(len(_HULL), _PULLED)
    pull[[0, 1, 2, 3, 4, 12, 13, 14, 15, 16]] = _PULLED_SIDE
    inner[_HULL] = middle + pull[:, None] * (inner[_HULL] - middle)
    ring = middle + 1.03 * (inner[_HULL] - middle)
    return np.concatenate([inner, ring])


def _ring(inner: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = inner[27:36].mean(0)
    ring: NDArray[np.float64] = middle + _RING * (inner[_HULL] - middle)
    return ring


@cache
def _forehead() -> NDArray[np.float64]:
    """Points of the mean head's forehead, from its right side of the image to its left: float64 (11, 3), in units."""
    angle = np.radians(np.linspace(74, -74, _FOREHEAD))
    x = 1.0 * np.sin(angle)
    y = -0.3 - 0.62 * np.cos(angle)
    return np.stack([x, y, -0.12 + 0.32 * x**2], axis=1)


@cache
def frame_points() -> NDArray[np.float64]:
    """The points in the frame: float64 (P, 2), pixels."""
    shape = mean_shape()
    flat = shape[:, :2].copy()
    flat[[37, 38, 43, 44], 1] -= 0.07
    flat[[40, 41, 46, 47], 1] += 0.05
    flat[55:60, 1] += 0.24
    flat[65:68, 1] += 0.24
    flat[[48, 54, 60, 64], 1] += 0.08
    flat[4:13, 1] += 0.2 * np.array([0.25, 0.5, 0.8, 1, 1, 1, 0.8, 0.5, 0.25])
    inner = np.concatenate([flat, _forehead()[:, :2], iris_points(flat, np.zeros(2))])
    points = np.concatenate([inner, _ring(inner)])
    return (points - _MIDDLE) * _PX_PER_UNIT + (FRAME_PX - 1) / 2


def outline(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The face's outline among all points, in order: (28, 2)."""
    return points[_HULL]


@cache
def triangles() -> NDArray[np.int64]:
    """Corners of the triangles, int64 (T, 3): Delaunay's in the frame, those outside first, the features last."""
    points = frame_points()
    margin = 400
    subdivision = cv2.Subdiv2D((-margin, -margin, FRAME_PX + 2 * margin, FRAME_PX + 2 * margin))
    for point in points.astype(np.float32):
        subdivision.insert((float(point[0]), float(point[1])))
    found = np.round(np.reshape(subdivision.getTriangleList(), (-1, 3, 2)), 2)
    known = {tuple(np.round(p, 2)): n for n, p in enumerate(points.astype(np.float32).round(2))}
    corners = [[known[tuple(c)] for c in triangle] for triangle in found if all(tuple(c) in known for c in triangle)]
    order = sorted(corners, key=lambda c: (max(c) < _INNER, min(c) >= 27, sorted(c)))
    return np.array(order, np.int64)


@cache
def regions() -> NDArray[np.float32]:
    """What of the frame is skin, without eyes, brows and mouth, what is face, and what is cheeks and nose: float32
    (256, 256, 3), in [0, 1]."""
    points = frame_points()
    face = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    middle = points[27:36].mean(0)
    cv2.fillConvexPoly(face, np.round(middle + 0.88 * (outline(points) - middle)).astype(np.int32), 255)
    skin = face.copy()
    for part in (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48), slice(48, 60)):
        hole = np.zeros_like(face)
        cv2.fillConvexPoly(hole, cv2.convexHull(np.round(points[part]).astype(np.int32)), 255)
        skin[cv2.dilate(hole, np.ones((9, 9), np.uint8)) > 0] = 0
    cheeks = np.zeros_like(face)
    (left, right), (top, bottom) = points[[36, 45], 0], points[[41, 33], 1]
    cv2.rectangle(cheeks, (round(left) - 12, round(top)), (round(right) + 12, round(bottom)), 255, cv2.FILLED)
    each = np.stack([skin, face, cheeks], axis=-1).astype(np.float32) / np.float32(255)
    return cast(NDArray[np.float32], cv2.GaussianBlur(each, (0, 0), 2))


def lips_and_brows(landmarks: NDArray[np.float64], side: int, px: int) -> NDArray[np.float32]:
    """How much of each pixel is lips, and how much is brows: float32 (2, px, px) in [0, 1].

    landmarks: (68 or more, 2), in pixels of a crop of that side.
    """
    finer = 4 * px
    points = (landmarks + 0.5) * (finer / side) - 0.5
    at = np.round(points).astype(np.int32)
    inside = np.zeros((2, finer, finer), np.uint8)
    for part, value in ((slice(48, 60), 255), (slice(60, 68), 0)):
        cv2.fillPoly(inside[0], [at[part]], value)
    unit = float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0)))
    down = points[36:48].mean(0) - points[17:27].mean(0)
    down *= _BROW * unit / max(float(np.linalg.norm(down)), 1e-3)
    for part in (slice(17, 22), slice(22, 27)):
        brow = np.concatenate([points[part], points[part] + down])
        cv2.fillConvexPoly(inside[1], cv2.convexHull(np.round(brow).astype(np.int32)), 255)
    reach = max(round(_AROUND_BROW * unit), 1)
    cv2.dilate(inside[1], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)), inside[1])
    small = [cv2.resize(one, (px, px), interpolation=cv2.INTER_AREA) for one in inside]
    return np.stack(small).astype(np.float32) / np.float32(255)
