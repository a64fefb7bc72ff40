"""Contract: an extractor finds the faces of an image."""

from abc import abstractmethod

from mien.contracts.face import Face, RgbImage
from mien.contracts.plugin import Plugin


class Extractor(Plugin):
    """Finds every face of an image, with its 68 landmarks.

    Preprocessing makes one in each of its worker processes, so it is constructed from its config alone. An instance is
    used by one thread at a time.
    """

    @abstractmethod
    def extract(self, image: RgbImage) -> list[Face]:
        """Find all faces, surest first; an empty list if there is none. The image is left as it was.

        image: uint8 (H, W, 3), RGB, at least 1×1. Landmarks may lie outside of the image where a face is cut off.
        """
