"""What a video's frames say beside their images: how they are to be turned and mirrored to stand upright, and more."""

from collections.abc import Mapping
from typing import Any, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

_LEFT_OUT = {
    "A53_CC": "captions within the images (closed captions) are left out",
    "STEREO3D": "what is said of images for both eyes (3D) is left out",
    "SPHERICAL": "what is said of the panorama (360°) is left out",
    "DOVI_RPU_BUFFER": "Dolby Vision's metadata is left out",
    "DOVI_METADATA": "Dolby Vision's metadata is left out",
    "DYNAMIC_HDR_PLUS": "what is said of each image's brightness (HDR10+) is left out",
    "DYNAMIC_HDR_VIVID": "what is said of each image's brightness (HDR Vivid) is left out",
    "ICC_PROFILE": "the color profile is left out",
}


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


def said_beside(frame: VideoFrame) -> tuple[str, ...]:
    """What a frame says that no frame of the new file does, as sentences without an end."""
    found = side_data_of(frame)
    return tuple(dict.fromkeys(note for kind, note in _LEFT_OUT.items() if found.get(kind) is not None))


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
