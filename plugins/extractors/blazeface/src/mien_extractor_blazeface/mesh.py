"""The face mesh: 468 points on a face, in three dimensions.

Y. Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, arXiv:1907.06724.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, RgbImage
from mien.geometry.alignment import inverse, scale_of, warp
from mien_extractor_blazeface.detector import Detection
from mien_extractor_blazeface.network import Network, probability

POINTS = 468
_FILE, _SIDE, _OUTPUTS = "face_landmark.tflite", 192, ("conv2d_20", "conv2d_30")
_ROOM = 1.65
"""Side of the square that the network sees, in sides of the detector's box. With this much the landmarks lie nearest to
dlib's."""
_LOOKS, _LEVEL_DEGREES = 3, 10
"""Of a face that lies on its side the detector hardly knows how far it is turned, but the mesh does: it is laid, so
often at most, until the eyes are level in the network's image, to within so many degrees."""
RIGHT_CORNER, LEFT_CORNER = 33, 263
"""The outer corners of the eyes."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face's surface."""

    points: NDArray[np.float64]
    """(468, 3): x and y in pixels of the image, z in the same unit, larger further away from the camera."""
    presence: float
    """How sure the network is, in (0, 1), that it saw a face."""


class FaceMesh:
    """The network that lays the mesh over a face."""

    def __init__(self) -> None:
        self._network = Network(_FILE, _SIDE, _OUTPUTS)

    def lay(self, image: RgbImage, detection: Detection) -> Mesh:
        """Lay the mesh over what was detected."""
        low, high = detection.corners
        across = detection.points[1] - detection.points[0]
        for _ in range(_LOOKS):
            square = level_square((low + high) / 2, float((high - low).max()) * _ROOM, across, _SIDE)
            mesh = self._look(image, square)
            across = mesh.points[LEFT_CORNER, :2] - mesh.points[RIGHT_CORNER, :2]
            right, down = square[:, :2] @ across
            if abs(np.degrees(np.arctan2(down, right))) < _LEVEL_DEGREES:
                break
        return mesh

    def _look(self, image: RgbImage, square: Affine) -> Mesh:
        values, logit = self._network(warp(image, square, (_SIDE, _SIDE)), 0.0, 1.0)
        mesh = values.reshape(POINTS, 3).astype(np.float64)
        back = inverse(square)
        plane = (mesh[:, :2] - 0.5) @ back[:, :2].T + back[:, 2]
        return Mesh(np.column_stack([plane, mesh[:, 2] / scale_of(square)]), float(probability(logit).ravel()[0]))


def level_square(middle: NDArray[np.float64], side: float, across: NDArray[np.float64], size: int) -> Affine:
    """From image pixels to a network's image of `size`: a square of that side around a place, `across` level in it."""
    length = float(np.hypot(*across))
    cosine, sine = across / length if length > 0 else (1.0, 0.0)
    linear = np.array([[cosine, sine], [-sine, cosine]]) * (size / max(side, 1.0))
    return np.column_stack([linear, (size - 1) / 2 - linear @ middle])
