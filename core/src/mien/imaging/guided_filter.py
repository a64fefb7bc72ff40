"""A plane brought to the edges of an image."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray


def guided(image: NDArray[np.uint8], plane: NDArray[np.float32], reach_px: int, edge: float) -> NDArray[np.float32]:
    """The plane with the edges of the image's lightness, by K. He, J. Sun and X. Tang, Guided Image Filtering, PAMI
    2013: float32 (H, W).

    image: uint8 (H, W, 3), RGB. plane: (H, W), as the mask of a network that sees less than the image shows. reach_px:
    how far is looked on each side. edge: the variance of lightness, of [0, 1], from which on something is an edge.
    """
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def mean(values: NDArray[Any]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], cv2.blur(values.astype(np.float32), (2 * reach_px + 1,) * 2))

    light, level = mean(guide), mean(plane)
    slope = (mean(guide * plane) - light * level) / (mean(guide * guide) - light * light + edge)
    return (mean(slope) * guide + mean(level - slope * light)).astype(np.float32)
