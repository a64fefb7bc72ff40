"""The network that lies in this package, read by OpenCV."""

from importlib import resources
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.errors import MienError

STEP_PX = 32
"""The network halves an image five times, so that its sides have to be multiples of this."""
CELL_PX = 4
"""It answers for each square of so many pixels."""
_FILE = "centerface.onnx"
_OUTPUTS = ("537", "538", "539", "540")


class Network:
    """CenterFace's network. An instance is used by one thread at a time."""

    def __init__(self) -> None:
        """Raises MienError if it cannot be read."""
        try:
            with resources.as_file(resources.files(__package__) / "networks" / _FILE) as path:
                # The classic engine gives wrong answers without a word once the size of the images changes.
                self._net = cv2.dnn.readNetFromONNX(str(path), cv2.dnn.ENGINE_NEW)
        except (cv2.error, OSError) as error:
            raise MienError(
                f"The extractor centerface cannot read its network {_FILE}: {error}.",
                "pip install --force-reinstall mien-extractor-centerface 'opencv-python-headless>=5'",
            ) from error

    def __call__(self, image: RgbImage) -> list[NDArray[np.float32]]:
        """What it says of each cell: scores (1, h, w), sizes (2, h, w), offsets (2, h, w), points (10, h, w).

        image: uint8 (H, W, 3), RGB, of any size; h and w are its sides in cells, rounded up.
        """
        height, width = image.shape[:2]
        # Black at the right and at the bottom is what a convolution takes to be beyond a border: it changes little.
        whole = np.zeros((_up(height, STEP_PX), _up(width, STEP_PX), 3), np.uint8)
        whole[:height, :width] = image
        self._net.setInput(cv2.dnn.blobFromImage(whole))
        outputs = cast(list[NDArray[np.float32]], self._net.forward(_OUTPUTS))
        rows, columns = _up(height, CELL_PX) // CELL_PX, _up(width, CELL_PX) // CELL_PX
        return [output[0, :, :rows, :columns] for output in outputs]


def _up(length: int, step: int) -> int:
    return -(-length // step) * step
