"""The network that lies in this package, and the cut of a face that it looks at."""

import numpy as np
from numpy.typing import NDArray

from mien.geometry.alignment import AlignmentConfig
from mien.networks.onnx import OnnxNetwork
from mien.networks.packaged import packaged_network

SIDE = 128
"""Side of its image in pixels."""
CUT = AlignmentConfig(size=SIDE, template="landmarks", margin=0.2, shift_y=0.12)
_FILE, _OUTPUT = "occlusion.onnx", "hidden"


class Network:
    """Says of each pixel how likely something stands there in front of the face. Used by one thread at a time."""

    def __init__(self) -> None:
        """Raises MienError if it cannot be read."""
        with packaged_network(__package__, _FILE, "masker occlusion") as network:
            self._network = OnnxNetwork(network, (_OUTPUT,))

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (SIDE, SIDE) in [0, 1] for a face cut by `CUT`: uint8 (SIDE, SIDE, 3), RGB."""
        values = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / 127.5 - 1
        (hidden,) = self._network(values)
        of_face: NDArray[np.float32] = hidden[0, 0]
        return of_face
