"""The networks that lie in this package, read by OpenCV."""

import struct
import tempfile
from importlib import resources
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError

STEP_PX = 16
"""An image that is not square has sides of a multiple of this: such a network halves it four times."""


class Network:
    """A TFLite network that takes one image, or features. An instance is used by one thread at a time."""

    def __init__(self, file: str, side: int, outputs: tuple[str, ...], enlarged: tuple[int, ...] = ()) -> None:
        """file: its name in networks/. side: of its square image, in pixels. outputs: names of what is wanted of it.

        enlarged: sides to which it enlarges what it sees; with them, its images need not be square.

        Raises MienError if it cannot be read.
        """
        self.side = side
        self._outputs = outputs
        self._enlarged = enlarged
        self._file = file
        self._nets = {(side, side): self._read(side, side)}

    def __call__(self, image: NDArray[np.uint8], black: float, white: float) -> list[NDArray[np.float32]]:
        """The outputs for an image, uint8 (H, W, 3), RGB, whose 0 and 255 become `black` and `white`."""
        height, width = image.shape[:2]
        net = self._nets.get((height, width))
        if net is None:
            net = self._nets[height, width] = self._read(height, width)
        scale = (white - black) / 255
        net.setInput(cv2.dnn.blobFromImage(image, scale, mean=(-black / scale,) * 3))
        return cast(list[NDArray[np.float32]], net.forward(self._outputs))

    def forward(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs for what another network saw: float32 (1, C, side, side)."""
        net = self._nets[self.side, self.side]
        net.setInput(np.ascontiguousarray(features))
        return cast(list[NDArray[np.float32]], net.forward(self._outputs))

    def _read(self, height: int, width: int) -> cv2.dnn.Net:
        try:
            with resources.as_file(resources.files(__package__) / "networks" / self._file) as path:
                if (height, width) == (self.side, self.side):
                    return _opened(path)
                network = self._for_images_of(height, width, path.read_bytes())
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / self._file
                path.write_bytes(network)
                return _opened(path)
        except (cv2.error, OSError) as error:
            raise MienError(
                f"The extractor blazeface cannot read its network {self._file}: {error}.",
                "pip install --force-reinstall mien-extractor-blazeface 'opencv-python-headless>=5'",
            ) from error

    def _for_images_of(self, height: int, width: int, network: bytes) -> bytes:
        """All layers take images of any size, but those that enlarge say in the file to how many rows and columns."""
        for side in self._enlarged:
            square, rectangle = _stored(side, side), _stored(side * height // self.side, side * width // self.side)
            if network.count(square) != 1:
                raise OSError(f"it does not enlarge to {side} rows and columns in one place")
            network = network.replace(square, rectangle)
        return network


def probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the networks' unbounded scores mean, in (0, 1)."""
    return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))


def _opened(path: Path) -> cv2.dnn.Net:
    # OpenCV 5's new engine gives one output only, and for a network in memory it takes that one regardless.
    return cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)


def _stored(rows: int, columns: int) -> bytes:
    """A size as a TFLite file holds it: a vector of eight bytes, which are two integers."""
    return struct.pack("<Iii", 8, rows, columns)
