"""Affine transforms, and what they make of points and images: from a scene's pixels to a crop's, and back."""

import math
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Landmarks, Mask
from mien.geometry.masks import as_mask

Pixel = TypeVar("Pixel", np.uint8, np.float32)


def transform_points(matrix: Affine, points: Landmarks) -> Landmarks:
    """Apply a (2, 3) transform to float (N, 2) points, or (N, 3) of which the third is a depth in the same unit."""
    plane = points[:, :2].astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([plane, points[:, 2:] * scale_of(matrix)], axis=1, dtype=np.float32)


def compose(second: Affine, first: Affine) -> Affine:
    """One transform after another, as one: float64 (2, 3)."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def inverse(matrix: Affine) -> Affine:
    """The transform back."""
    (a, b, right), (c, d, down) = matrix.tolist()
    determinant = a * d - b * c
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -a * right - b * down], [c, d, -c * right - d * down]])


def scale_of(matrix: Affine) -> float:
    """How much larger a similarity makes things."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return math.sqrt(abs(a * d - b * c))


def warp(image: NDArray[Pixel], matrix: Affine, size: tuple[int, int], *, cubic: bool = False) -> NDArray[Pixel]:
    """Resample under a similarity transform to (width, height); black around the image.

    Enlarging is bilinear, or bicubic: that keeps half as much detail again, and an image to look at is worth its time.
    Shrinking by two or more first averages whole blocks of pixels, so that nothing aliases.
    """
    width, height = size
    if not (width and height and image.size):
        return np.zeros((height, width, *image.shape[2:]), image.dtype)
    if (block := block_side(matrix)) >= 2:
        image, matrix = averaged_in_blocks(image, matrix, size, block)
        if not image.size:
            return np.zeros((height, width, *image.shape[2:]), image.dtype)
    if not cubic:
        linear = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return cast(NDArray[Pixel], linear)
    warped = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if _reaches_over_border(matrix, size, image.shape):  # a cubic would ring there, between the image and black
        share = warp(np.ones(image.shape[:2], np.float32), matrix, size)
        warped = cv2.multiply(warped, cv2.merge([share] * image.shape[2]), dtype=cv2.CV_8U)
    return cast(NDArray[Pixel], warped)


def block_side(matrix: Affine) -> int:
    """Pixels along the side of the blocks that are averaged before the transform; 1 or less: none are."""
    return int(1 / max(scale_of(matrix), 1e-9))


def averaged_in_blocks(
    image: NDArray[Pixel], matrix: Affine, size: tuple[int, int], block: int
) -> tuple[NDArray[Pixel], Affine]:
    """The part of the image that a transform to (width, height) needs, averaged in blocks, and the transform from it.

    block: pixels along a block's side. Returns the image's dtype, a pixel for each block; empty if nothing is needed.
    """
    corners = np.array([[-1, -1], [size[0], -1], [size[0], size[1]], [-1, size[1]]], np.float32)
    at = transform_points(inverse(matrix), corners)
    # The last pixels are interpolated with the block after them.
    extent = (image.shape[1], image.shape[0])
    left, top = np.clip(np.floor(at.min(0)), 0, extent).astype(int)
    right, bottom = np.clip(np.ceil(at.max(0)) + 1 + block, 0, extent).astype(int)
    part = image[top:bottom, left:right]
    shift = np.array([[block, 0, left + (block - 1) / 2], [0, block, top + (block - 1) / 2]])
    linear = matrix[:, :2] @ shift[:, :2]
    combined = np.column_stack([linear, matrix[:, :2] @ shift[:, 2] + matrix[:, 2]])
    if not part.size:
        return part, combined
    missing_rows, missing_columns = (-side % block for side in part.shape[:2])
    part = cast(
        NDArray[Pixel], cv2.copyMakeBorder(part, 0, missing_rows, 0, missing_columns, cv2.BORDER_CONSTANT, value=0)
    )
    blocks = (part.shape[1] // block, part.shape[0] // block)
    averaged = cv2.resize(part, blocks, interpolation=cv2.INTER_AREA)
    return cast(NDArray[Pixel], averaged), combined


def share_in_scene(to_crop: Affine, size: int, scene_shape: tuple[int, ...]) -> Mask:
    """How much of each of the crop's pixels lies in the scene: float32 (S, S); 1 everywhere for most faces."""
    if lies_in_scene(to_crop, size, scene_shape):
        return np.ones((size, size), np.float32)
    return as_mask(warp(np.full(scene_shape[:2], 255, np.uint8), to_crop, (size, size)))


def lies_in_scene(to_crop: Affine, size: int, scene_shape: tuple[int, ...]) -> bool:
    """Whether all of the crop's pixels lie in the scene."""
    return not _reaches_over_border(to_crop, (size, size), scene_shape)


def _reaches_over_border(to_crop: Affine, size: tuple[int, int], scene_shape: tuple[int, ...]) -> bool:
    (a, b, left), (c, d, top) = inverse(to_crop).tolist()
    right, bottom = size[0] - 1, size[1] - 1
    corners = ((0, 0), (right, 0), (right, bottom), (0, bottom))
    height, width = scene_shape[:2]
    return not all(
        0 <= a * x + b * y + left <= width - 1 and 0 <= c * x + d * y + top <= height - 1 for x, y in corners
    )
