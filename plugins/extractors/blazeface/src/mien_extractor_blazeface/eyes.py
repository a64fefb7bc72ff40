"""The lids and the brow of an eye, seen from near by: the face mesh alone follows no blink.

A. Ablavatski et al., Real-time Pupil Tracking from Monocular Video for Digital Puppetry, arXiv:2006.11341.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, RgbImage
from mien.geometry.alignment import inverse, warp
from mien_extractor_blazeface.network import Network

_FILE, _SIDE, _OUTPUTS = "iris_landmark.tflite", 64, ("output_eyes_contours_and_brows",)
_ROOM = 2.3
"""Side of the square that the network sees, in widths of the eye: it learnt on such."""
_LIDS, _BROW = slice(0, 16), [*range(50, 54), *range(64, 70)]
"""Places of these points among the 71 that the network gives."""


class Eye(NamedTuple):
    """Which points of the face mesh the network sees again."""

    outer_corner: int
    inner_corner: int
    lids: list[int]
    brow: list[int]
    mirrored: bool
    """The network knows the subject's right eye. Of the left it is shown the mirror image."""


RIGHT = Eye(
    33,
    133,
    # The lower lid from the outer to the inner corner, then the upper lid without them.
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173],
    # The lower edge inwards, then the upper edge, and the lower one's inner end.
    [46, 53, 52, 65, 70, 63, 105, 66, 107, 55],
    mirrored=False,
)
LEFT = Eye(
    263,
    362,
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398],
    [276, 283, 282, 295, 300, 293, 334, 296, 336, 285],
    mirrored=True,
)


class Eyes:
    """The network that looks at each eye by itself."""

    def __init__(self) -> None:
        self._network = Network(_FILE, _SIDE, _OUTPUTS)

    def refine(self, image: RgbImage, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The face mesh with better lids and brows. points: (468, 3), x and y in pixels of the image."""
        refined = points.copy()
        for eye in (RIGHT, LEFT):
            square = _square_around(points[eye.outer_corner, :2], points[eye.inner_corner, :2], eye.mirrored)
            (values,) = self._network(warp(image, square, (_SIDE, _SIDE)), 0.0, 1.0)
            back = inverse(square)
            found = (values.reshape(-1, 3)[:, :2] - 0.5) @ back[:, :2].T + back[:, 2]
            refined[eye.lids, :2] = found[_LIDS]
            # The network knows better where a brow is, but the mesh how it moves.
            refined[eye.brow, :2] = (found[_BROW] + points[eye.brow, :2]) / 2
        return refined


def _square_around(outer: NDArray[np.float64], inner: NDArray[np.float64], mirrored: bool) -> Affine:
    """From image pixels to the network's: the eye level, its outer corner on the left."""
    x, y = inner - outer
    width = max(float(np.hypot(x, y)), 1e-3)
    along = np.array([x, y]) / width
    down = np.array([along[1], -along[0]]) if mirrored else np.array([-along[1], along[0]])
    linear = np.stack([along, down]) * (_SIDE / (width * _ROOM))
    return np.column_stack([linear, (_SIDE - 1) / 2 - linear @ ((outer + inner) / 2)])
