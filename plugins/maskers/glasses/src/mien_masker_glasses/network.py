"""The network that lies in this package."""

import numpy as np
from numpy.typing import NDArray

from mien.networks.onnx import OnnxNetwork
from mien.networks.packaged import packaged_network

_FILE, _OUTPUTS = "glasses.onnx", ("glasses", "any")


class Network:
    """Says of each pixel of the strip along the eyes how likely it is glasses. Used by one thread at a time."""

    def __init__(self) -> None:
        """Raises MienError if it cannot be read."""
        with packaged_network(__package__, _FILE, "masker glasses") as network:
            self._network = OnnxNetwork(network, _OUTPUTS)

    def __call__(self, strip: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """float32 (HEIGHT, WIDTH) in [0, 1], and how likely there are any, for a strip cut by `to_strip`.

        strip: uint8 (HEIGHT, WIDTH, 3), RGB.
        """
        values = np.ascontiguousarray(strip.transpose(2, 0, 1)[None], np.float32) / 127.5 - 1
        glasses, any_at_all = self._network(values)
        of_strip: NDArray[np.float32] = glasses[0, 0]
        return of_strip, float(any_at_all[0, 0])
