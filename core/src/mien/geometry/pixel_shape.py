"""Videos whose pixels are not square: searched as they are shown, drawn as they are stored."""

import cv2
import numpy as np

from mien.contracts.face import Face, RgbImage
from mien.geometry.alignment import transform_points
from mien.geometry.boxes import box_of


def in_square_pixels(image: RgbImage, pixel_shape: float) -> RgbImage:
    """An image whose pixels are pixel_shape times as wide as high, stretched until they are square."""
    if pixel_shape == 1:
        return image
    height, width = image.shape[:2]
    size = (round(width * max(pixel_shape, 1)), round(height * max(1 / pixel_shape, 1)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def in_stored_pixels(face: Face, pixel_shape: float) -> Face:
    """A face found in square pixels, in those of the image before."""
    if pixel_shape == 1:
        return face
    factors = np.array([1 / max(pixel_shape, 1), 1 / max(1 / pixel_shape, 1)])
    matrix = np.column_stack([np.diag(factors), 0.5 * factors - 0.5])
    return Face(
        box_of(transform_points(matrix, face.box.corners)),
        None if face.landmarks is None else transform_points(matrix, face.landmarks),
        face.score,
        {name: transform_points(matrix, points) for name, points in face.points.items()},
    )
