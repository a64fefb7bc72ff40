"""How a video's images are turned and mirrored to stand upright."""

from collections.abc import Mapping
from typing import Any, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


def display_matrix(frame: VideoFrame) -> NDArray[np.int32]:
    """The upper left of the frame's display matrix, int32 (2, 2): rows are where x and y go, as (x, y)."""
    side_data = side_data_of(frame).get("DISPLAYMATRIX")
    if side_data is None:
        return np.eye(2, dtype=np.int32)
    return np.frombuffer(bytes(side_data), np.int32).reshape(3, 3)[:2, :2]


def side_data_of(frame: VideoFrame) -> Mapping[str, Any]:
    """What a frame says beside its image, by the name of its kind; nothing if some of it is of a kind that PyAV does
    not know, since it reads none then."""
    try:
        return cast("Mapping[str, Any]", frame.side_data)
    except ValueError:
        return {}


def is_sideways(matrix: NDArray[np.int32]) -> bool:
    """Whether an image is turned by a quarter, so that its sides change places."""
    return bool(abs(matrix[0, 0]) < abs(matrix[0, 1]))


def upright(image: NDArray[Any], matrix: NDArray[np.int32]) -> NDArray[Any]:
    """Turn and mirror by quarter turns; other angles, which no camera writes, count as the nearest of them."""
    if is_sideways(matrix):
        image, matrix = cv2.transpose(image), matrix[::-1]
    mirrored_x, mirrored_y = matrix[0, 0] < 0, matrix[1, 1] < 0
    if mirrored_x or mirrored_y:
        image = cv2.flip(image, -1 if mirrored_x and mirrored_y else int(mirrored_x))
    return image
