"""Piecewise affine maps between pictures of faces, triangle by triangle."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.frame import FRAME_PX, frame_points, texture_points, triangles

_FLAT_PX = 0.05
"""Triangles of less than this area, in square pixels, are taken as that large: lids that meet leave nothing between."""
_SUBPIXEL_BITS = 4


def into_frame(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A face in the common frame: uint8 (256, 256, 3). image: uint8 (H, W, 3). landmarks: (68, 2) in its pixels."""
    at = _followed(_triangles_of_frame(), _affines(frame_points(), texture_points(landmarks)))
    return np.asarray(cv2.remap(image, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def from_frame(points: NDArray[np.float64], side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pixel of an image whose points lie at these places, which pixel of the frame it shows.

    points: (P, 2) in the image's pixels. Returns x and y, float32 (side, side) each; both are negative where no
    triangle lies. Where triangles overlap, as on a turned head, the face's inner ones are on top.
    """
    return _followed(_triangle_at(points, side), _affines(points, frame_points()))


def _followed(
    number: NDArray[np.int32], affine: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    side = number.shape[0]
    line = np.arange(side, dtype=np.float32)
    columns, rows = line[None, :], line[:, None]
    x = affine[:, 0][number] * columns + affine[:, 1][number] * rows + affine[:, 2][number]
    y = affine[:, 3][number] * columns + affine[:, 4][number] * rows + affine[:, 5][number]
    return x, y


def _triangle_at(points: NDArray[np.float64], side: int) -> NDArray[np.int32]:
    """Of each pixel the number of its triangle, from 1; 0: none. int32 (side, side)."""
    number = np.zeros((side, side), np.int32)
    reach = 8.0 * side  # OpenCV counts in 16 bits and a fraction
    corners = np.round(np.clip(points, -reach, reach)[triangles()] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for index, three in enumerate(corners):
        cv2.fillConvexPoly(number, three, index + 1, cv2.LINE_8, _SUBPIXEL_BITS)
    return number


@cache
def _triangles_of_frame() -> NDArray[np.int32]:
    return _triangle_at(frame_points(), FRAME_PX)


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
