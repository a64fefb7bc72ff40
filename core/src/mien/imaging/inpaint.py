"""How an image goes on where it is not known: as smoothly as what is known allows."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 10
"""At each resolution. Then what is off is at most a fiftieth of what the known values differ by (test_filling.py)."""
# Neighbours in the nine-point Laplacian, which damps a chequered error, as the five-point one does not.
_NEIGHBOURS = np.array([[1, 4, 1], [4, 0, 4], [1, 4, 1]], np.float32) / 20


def filled(image: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The image with what is not known of it replaced by a membrane that spans the rest.

    image: float32 (H, W, C) or (H, W). known: bool (H, W). What is known stays bit for bit; elsewhere Laplace's
    equation holds nearly, and no slope across the image's border. If nothing is known, all of it becomes 0. Solved
    from coarse to fine, with a few Jacobi iterations at each resolution.
    """
    if known.all():
        return image.copy()
    if not known.any():
        return np.zeros_like(image)
    height, width = known.shape
    stays = np.broadcast_to(_channelled(known, image), image.shape)
    even = (width + width % 2, height + height % 2)
    result = cv2.resize(_filled_at_half(image, known), even)[:height, :width].reshape(image.shape)
    np.copyto(result, image, where=stays)
    for _ in range(_ITERATIONS):
        result = cv2.filter2D(result, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE).reshape(image.shape)
        np.copyto(result, image, where=stays)
    return cast(NDArray[np.float32], result)


def _filled_at_half(image: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The filled image at half the resolution, where a pixel is known if any of its four is."""
    counts = _sums(known.astype(np.float32))
    means = _sums(image * _channelled(known, image)) / _channelled(np.maximum(counts, 1), image)
    return filled(means.astype(np.float32), counts > 0)


def _sums(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over blocks of 2×2; zeros beyond an odd border."""
    height, width = image.shape[:2]
    even = np.zeros((height + height % 2, width + width % 2, *image.shape[2:]), np.float32)
    even[:height, :width] = image
    return cast(NDArray[np.float32], even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2])


def _channelled(plane: NDArray[Any], like: NDArray[np.float32]) -> NDArray[Any]:
    return plane.reshape(*plane.shape, *[1] * (like.ndim - 2))
