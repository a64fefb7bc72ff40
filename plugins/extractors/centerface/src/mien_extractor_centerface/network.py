"""The network that lies in this package."""

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.networks.onnx import OnnxNetwork
from mien.networks.packaged import packaged_network

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
        with packaged_network(__package__, _FILE, "extractor centerface") as network:
            self._network = OnnxNetwork(network, _OUTPUTS)

    def __call__(self, image: RgbImage) -> list[NDArray[np.float32]]:
        """What it says of each cell: scores (1, h, w), sizes (2, h, w), offsets (2, h, w), points (10, h, w).

        image: uint8 (H, W, 3), RGB, of any size; h and w are its sides in cells, rounded up.
        """
        height, width = image.shape[:2]
        # Black at the right and at the bottom is what a convolution takes to be beyond a border: it changes little.
        whole = np.zeros((1, 3, _up(height, STEP_PX), _up(width, STEP_PX)), np.float32)
        whole[0, :, :height, :width] = image.transpose(2, 0, 1)
        rows, columns = _up(height, CELL_PX) // CELL_PX, _up(width, CELL_PX) // CELL_PX
        return [output[0, :, :rows, :columns] for output in self._network(whole)]


def _up(length: int, step: int) -> int:
    return -(-length // step) * step
