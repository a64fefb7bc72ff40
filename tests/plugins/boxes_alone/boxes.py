"""An extractor that finds the faces of the clips of E, and nothing in them."""

import numpy as np

from mien import Box, Extractor, Face
from mien.contracts.face import RgbImage

E = np.array([0.388, 0.449, 0.642, 0.801])  # his face in the middle of his clips' frames, as shares of their sides


class Boxes(Extractor):
    """E's box in an image that is not black."""

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        if image.mean() <= 8:
            return []
        left, top, right, bottom = (E * (image.shape[1::-1] * 2)).tolist()
        return [Face(Box(left, top, right, bottom), None, 0.9)]
