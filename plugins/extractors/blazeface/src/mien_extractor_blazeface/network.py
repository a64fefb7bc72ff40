"""The networks that lie in this package."""

import struct

import numpy as np
from numpy.typing import NDArray

from mien.networks.packaged import packaged_network
from mien.networks.tflite import TfliteNetwork, image_input

STEP_PX = 16
"""An image that is not square has sides of a multiple of this: such a network halves it four times."""


class Network:
    """A network that takes one image, or features. An instance is used by one thread at a time."""

    def __init__(self, file: str, side: int, outputs: tuple[str, ...], enlarged: tuple[int, ...] = ()) -> None:
        """file: its name in networks/. side: of its square image, in pixels. outputs: names of what is wanted of it.

        enlarged: sides to which it enlarges what it sees; with them, its images need not be square.

        Raises MienError if it cannot be read.
        """
        self.side = side
        self._outputs = outputs
        self._enlarged = enlarged
        self._file = file
        self._networks = {(side, side): self._read(side, side)}

    def __call__(self, image: NDArray[np.uint8], black: float, white: float) -> list[NDArray[np.float32]]:
        """The outputs for an image, uint8 (H, W, 3), RGB, whose 0 and 255 become `black` and `white`."""
        height, width = image.shape[:2]
        network = self._networks.get((height, width))
        if network is None:
            network = self._networks[height, width] = self._read(height, width)
        return network(image_input(image, black, white))

    def forward(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs for what another network saw: float32 (1, side, side, C)."""
        return self._networks[self.side, self.side](features)

    def _read(self, height: int, width: int) -> TfliteNetwork:
        with packaged_network(__package__, self._file, "extractor blazeface") as network:
            if (height, width) == (self.side, self.side):
                return TfliteNetwork(network, self._outputs)
            return TfliteNetwork(self._for_images_of(height, width, network), self._outputs, (1, height, width, 3))

    def _for_images_of(self, height: int, width: int, network: bytes) -> bytes:
        """All layers take images of any size, but those that enlarge say in the file to how many rows and columns."""
        for side in self._enlarged:
            square, rectangle = _stored(side, side), _stored(side * height // self.side, side * width // self.side)
            if network.count(square) != 1:
                raise ValueError(f"it does not enlarge to {side} rows and columns in one place")
            network = network.replace(square, rectangle)
        return network


def probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the networks' unbounded scores mean, in (0, 1)."""
    return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))


def _stored(rows: int, columns: int) -> bytes:
    """A size as a TFLite file holds it: a vector of eight bytes, which are two integers."""
    return struct.pack("<Iii", 8, rows, columns)
