"""The networks that lie in this package, read by OpenCV."""

from importlib import resources
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError


class Network:
    """A TFLite network that takes one square picture. An instance is used by one thread at a time."""

    def __init__(self, file: str, side: int, outputs: tuple[str, ...]) -> None:
        """file: its name in networks/. side: of its picture, in pixels. outputs: names of what is wanted of it.

        Raises MienError if it cannot be read.
        """
        self.side = side
        self._outputs = outputs
        try:
            with resources.as_file(resources.files(__package__) / "networks" / file) as path:
                # OpenCV 5's new engine gives one output only, and for a network in memory it takes that one regardless.
                self._net = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        except (cv2.error, OSError) as error:
            raise MienError(
                f"The extractor blazeface cannot read its network {file}: {error}.",
                "pip install --force-reinstall mien-extractor-blazeface 'opencv-python-headless>=5'",
            ) from error

    def __call__(self, picture: NDArray[np.uint8], black: float, white: float) -> list[NDArray[np.float32]]:
        """The outputs for a picture, uint8 (side, side, 3), RGB, whose 0 and 255 become `black` and `white`."""
        scale = (white - black) / 255
        self._net.setInput(cv2.dnn.blobFromImage(picture, scale, mean=(-black / scale,) * 3))
        return cast(list[NDArray[np.float32]], self._net.forward(self._outputs))


def probability(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the networks' unbounded scores mean, in (0, 1)."""
    return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))
