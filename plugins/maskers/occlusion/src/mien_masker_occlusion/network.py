"""The network that lies in this package, read by OpenCV, and the cut of a face that it looks at."""

from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig

SIDE = 128
"""Side of its image in pixels."""
CUT = AlignmentConfig(size=SIDE, template="landmarks", margin=0.2, shift_y=0.12)
_FILE = "occlusion.onnx"


class Network:
    """Says of each pixel how likely something stands there in front of the face. Used by one thread at a time."""

    def __init__(self) -> None:
        """Raises MienError if it cannot be read."""
        try:
            with resources.as_file(resources.files(__package__) / "networks" / _FILE) as path:
                self._net = cv2.dnn.readNetFromONNX(str(path))
        except (cv2.error, OSError) as error:
            raise MienError(
                f"The masker occlusion cannot read its network {_FILE}: {error}.",
                "pip install --force-reinstall mien-masker-occlusion 'opencv-python-headless>=5'",
            ) from error

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (SIDE, SIDE) in [0, 1] for a face cut by `CUT`: uint8 (SIDE, SIDE, 3), RGB."""
        self._net.setInput(cv2.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5,) * 3))
        hidden: NDArray[np.float32] = self._net.forward()[0, 0]
        return hidden
