"""Piecewise affine maps between pictures of faces, triangle by triangle."""

from functools import cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.frame import FRAME_PX, frame_points, texture_points, triangles
from mien_model_morph.gaze import iris_offsets

_FLAT_PX = 0.05
"""Triangles of less than this area, in square pixels, are taken as that large: lids that meet leave nothing between."""
_SEEN = 0.4
"""Of the rows that come to lie on one pixel, the share that has a say in it."""
_THIN = 2.5
"""Triangles that are stretched by more than this count as thin."""
_SUBPIXEL_BITS = 4


def into_frame(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A face in the common frame: uint8 (256, 256, 3). image: uint8 (H, W, 3). landmarks: (68, 2) in its pixels."""
    points = texture_points(landmarks, iris_offsets(image, landmarks))
    at = _followed(_triangles_of_frame(), frame_points(), points)
    return np.asarray(cv2.remap(image, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def from_frame(points: NDArray[np.float64], side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pixel of an image whose points lie at these places, which pixel of the frame it shows.

    points: (P, 2) in the image's pixels. Returns x and y, float32 (side, side) each; both are negative where no
    triangle lies. Where triangles overlap, as on a turned head, the face's inner ones are on top.
    """
    return _followed(triangle_at(points, side), points, frame_points())


def closed(texture: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """A texture whose mouth or eyes are drawn much narrower than they are in the frame, blurred up and down as much,
    with the darkest that lies there: the line between the lips, the lashes.

    Otherwise a mouth that is a line would show whatever of its inside comes to lie on a pixel. texture: float32
    (256, 256, 3); changed in place. points: (P, 2), where it is to be drawn.
    """
    for number, (upper, lower) in enumerate(_OPENINGS):
        rows, columns, share = _inside(number)
        high = float(np.linalg.norm(points[upper] - points[lower], axis=-1).mean())
        frame = frame_points()
        length = float(np.linalg.norm(frame[upper] - frame[lower], axis=-1).mean()) / max(high, 0.5)
        region = texture[rows, columns]
        # A window of so many rows, in whole and in part, so that nothing jumps.
        size = min(max(length * _SEEN, 1.0), float(region.shape[0]))
        if size > 1:
            less, more = (_narrowed(region, 2 * odd + 1) for odd in (int((size - 1) / 2), int((size - 1) / 2) + 1))
            part = (size - 1) / 2 - int((size - 1) / 2)
            region += share * (less + np.float32(part) * (more - less) - region)
    return texture


def _narrowed(region: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    narrowed = cv2.blur(region, (1, rows))
    lightness = np.ascontiguousarray(region[..., 0])
    narrowed[..., 0] = cv2.erode(lightness, np.ones((rows, 1), np.uint8))
    return cast(NDArray[np.float32], narrowed)


_OPENINGS = (([61, 62, 63], [67, 66, 65]), ([37, 38], [41, 40]), ([43, 44], [47, 46]))
_INSIDE = ([48, 61, 62, 63, 54, 65, 66, 67], slice(36, 42), slice(42, 48))
"""What opens and closes, mouth and eyes: points of its upper and lower edge, and all around it."""


@cache
def _inside(number: int) -> tuple[slice, slice, NDArray[np.float32]]:
    """Rows and columns of an opening in the frame, and how much of each pixel lies in it: float32 (h, w, 1)."""
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillPoly(inside, [np.round(frame_points()[_INSIDE[number]]).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(cv2.dilate(inside, np.ones((3, 3), np.uint8)).astype(np.float32) / 255, (0, 0), 1.0)
    soft[soft < 0.01] = 0
    rows, columns = np.flatnonzero(soft.any(1)), np.flatnonzero(soft.any(0))
    where = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return *where, np.asarray(soft[where][..., None], np.float32)


def _followed(
    number: NDArray[np.int32], source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    side, affine = number.shape[0], _affines(source, target)
    line = np.arange(side, dtype=np.float32)
    columns, rows = line[None, :], line[:, None]
    of_pixel = np.take(affine, number, axis=0)
    x = of_pixel[..., 0] * columns + of_pixel[..., 1] * rows + of_pixel[..., 2]
    y = of_pixel[..., 3] * columns + of_pixel[..., 4] * rows + of_pixel[..., 5]
    # A pixel that only touches a triangle is shown by it, too; of one that is nearly a line that may be far away.
    thin = (np.abs(affine[:, [0, 1, 3, 4]]).max(1) > _THIN)[number] & (number > 0)
    if thin.any():
        x[thin], y[thin] = _held_inside(np.stack([x[thin], y[thin]], axis=1), target[triangles()][number[thin] - 1])
    return x, y


def _held_inside(points: NDArray[np.float32], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 2) brought into triangles (N, 3, 2) by their barycentric coordinates: float64 (2, N)."""
    inside: NDArray[np.float64] = np.einsum("nk,nkd->dn", shares_in(points, corners), corners)
    return inside


def shares_in(points: NDArray[Any], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates of points (N, 2) in triangles (N, 3, 2), brought inside: float64 (N, 3), sum 1."""
    a, u, v = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    x, y = (points - a).T
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < _FLAT_PX, _FLAT_PX, area)
    second, third = (x * v[:, 1] - y * v[:, 0]) / area, (y * u[:, 0] - x * u[:, 1]) / area
    shares = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, None)
    shares /= shares.sum(1, keepdims=True)
    return np.asarray(shares)


def triangle_at(points: NDArray[np.float64], side: int) -> NDArray[np.int32]:
    """Of each pixel the number of its triangle, from 1; 0: none. int32 (side, side).

    points: (P, 2), by `all_points`, in pixels of an image of that side.
    """
    number = np.zeros((side, side), np.int32)
    reach = 8.0 * side  # OpenCV counts in 16 bits and a fraction
    corners = np.round(np.clip(points, -reach, reach)[triangles()] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    a, b, c = np.moveaxis(points[triangles()], 1, 0)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # Each covers the pixels that it touches: slivers and what is turned over first, larger ones over them. Eyes and
    # mouth come last all the same: when they are shut, they are slivers that have to be seen.
    facing = area * _orientation()
    order = np.lexsort((facing, _of_features()))
    for index in order:
        cv2.fillConvexPoly(number, corners[index], int(index) + 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return number


@cache
def _of_features() -> NDArray[np.bool_]:
    """Of each triangle whether it is of nose, eyes or mouth."""
    features: NDArray[np.bool_] = ((triangles() >= 27) & ((triangles() < 68) | (triangles() >= 79))).all(1) & (
        triangles().max(1) < 81
    )
    return features


@cache
def _orientation() -> NDArray[np.float64]:
    """Of each triangle 1 or −1: the sign that its area has in the frame."""
    a, b, c = np.moveaxis(frame_points()[triangles()], 1, 0)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.asarray(np.sign(area))


@cache
def _triangles_of_frame() -> NDArray[np.int32]:
    return triangle_at(frame_points(), FRAME_PX)


def _affines(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float32]:
    """Of each triangle the map from source to target, float32 (T + 1, 6); the first is that of no triangle."""
    a, b, c = np.moveaxis(source[triangles()], 1, 0)
    p, q, r = np.moveaxis(target[triangles()], 1, 0)
    u, v = b - a, c - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < _FLAT_PX, np.where(area < 0, -_FLAT_PX, _FLAT_PX), area)
    inverse = np.stack([v[:, 1], -v[:, 0], -u[:, 1], u[:, 0]], axis=1).reshape(-1, 2, 2) / area[:, None, None]
    linear = np.stack([q - p, r - p], axis=2) @ inverse
    shift = p - np.einsum("tij,tj->ti", linear, a)
    rows = np.concatenate([linear, shift[..., None]], axis=2).reshape(-1, 6)
    return np.concatenate([np.full((1, 6), [0, 0, -FRAME_PX, 0, 0, -FRAME_PX]), rows]).astype(np.float32)
