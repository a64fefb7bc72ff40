"""Videos whose pixels are not square: searched and drawn as they are shown, written as they are stored."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Face, RgbImage
from mien.geometry.affine import transform_points
from mien.geometry.boxes import box_of

T = TypeVar("T", bound=np.generic)


def in_square_pixels(image: NDArray[T], pixel_shape: float) -> NDArray[T]:
    """An image whose pixels are pixel_shape times as wide as high, stretched until they are square: (H, W, 3)."""
    if pixel_shape == 1:
        return image
    height, width = image.shape[:2]
    size = size_in_square_pixels(width, height, pixel_shape)
    stretched: Any = cv2.resize(cast("NDArray[Any]", image), size, interpolation=cv2.INTER_LINEAR)
    return cast("NDArray[T]", stretched)


def size_in_square_pixels(width: int, height: int, pixel_shape: float) -> tuple[int, int]:
    """Width and height of an image whose pixels are made square."""
    return round(width * max(pixel_shape, 1)), round(height * max(1 / pixel_shape, 1))


def in_stored_pixels(face: Face, pixel_shape: float) -> Face:
    """A face found in square pixels, in those of the image before."""
    if pixel_shape == 1:
        return face
    matrix = _scaling(1 / max(pixel_shape, 1), 1 / max(1 / pixel_shape, 1))
    return Face(
        box_of(transform_points(matrix, face.box.corners)),
        None if face.landmarks is None else transform_points(matrix, face.landmarks),
        face.score,
        {name: transform_points(matrix, points) for name, points in face.points.items()},
    )


def to_square_pixels(pixel_shape: float) -> Affine:
    """From the pixels of an image to those of `in_square_pixels`."""
    return _scaling(max(pixel_shape, 1), max(1 / pixel_shape, 1))


def set_back(image: RgbImage, view: RgbImage, drawn: RgbImage) -> RgbImage:
    """An image in which is drawn what was drawn in square pixels: uint8 (H, W, 3); what did not change stays as it was.

    image: as it is stored. view: the same in square pixels. drawn: the view, with something drawn in it.
    """
    height, width = image.shape[:2]
    changed = (view != drawn).any(axis=2).astype(np.float32)
    is_changed = cv2.resize(changed, (width, height), interpolation=cv2.INTER_AREA) > 0
    stored = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    return np.where(is_changed[..., None], stored, image).astype(np.uint8, copy=False)


def _scaling(across: float, down: float) -> Affine:
    factors = np.array([across, down])
    return np.column_stack([np.diag(factors), 0.5 * factors - 0.5])
