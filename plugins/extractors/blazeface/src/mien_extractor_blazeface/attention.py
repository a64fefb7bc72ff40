"""The attention mesh: 468 points on a face, and lips and eyes seen again from nearer by.

I. Grishchenko et al., Attention Mesh: High-fidelity Face Mesh Prediction in Real-time, arXiv:2006.10962. One network
lays the mesh; of the features that it has seen on the way, those around the lips and each eye are cut out, and a small
network for each says where its points are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, RgbImage
from mien.geometry.alignment import inverse, scale_of, warp
from mien_extractor_blazeface.mesh import LEFT_CORNER, RIGHT_CORNER, level_square
from mien_extractor_blazeface.network import Network

_SIDE = 192
"""Side of the square that the network sees, in pixels."""
_FACE_ROOMS = (1.4, 1.85)
"""Sides of that square, in those of the face mesh: it looks twice. From nearer by it follows lids better, from further
away lips; the mean follows both, and errs less than either."""
_OUTPUTS = ("output_mesh", "p_re_lu_3")
_FEATURE_PX = 4
"""Side of a feature, in pixels of that square. A part's network counts in as many to each of its rows and columns."""
_CUT = 16
"""A part is cut to so many rows and columns of features."""
_PLACES = np.mgrid[:_CUT, :_CUT][::-1].reshape(2, -1) + 0.5
"""Column and row of each place of the cut."""
_ROOM = 1.5
"""Sides of what is cut out, in those of the part."""


class Part(NamedTuple):
    """A part of the face that a network of its own looks at."""

    file: str
    output: str
    level: tuple[int, int]
    """The points of the mesh between which it is level, left and right in the image."""
    points: list[int]
    """The points of the mesh that the network knows better, in its order."""


# fmt: off
PARTS = (
    Part("attention_lips.tflite", "conv_lips", (61, 291), [
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
        76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
        62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
    ]),
    Part("attention_right_eye.tflite", "conv_left_eye", (33, 133), [
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
        130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
        226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
        35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245,
        156, 70, 63, 105, 66, 107, 55, 193,
    ]),
    Part("attention_left_eye.tflite", "conv_right_eye", (362, 263), [
        263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
        359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
        446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
        265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465,
        383, 300, 293, 334, 296, 336, 285, 417,
    ]),
)
# fmt: on
"""Lips, the subject's right eye with its brow, and the left one."""
_OF_PARTS = sorted({point for part in PARTS for point in part.points})


class AttentionMesh:
    """The networks for the face and its parts. An instance is used by one thread at a time."""

    def __init__(self) -> None:
        self._face = Network("attention_face.tflite", _SIDE, _OUTPUTS)
        self._parts = [Network(part.file, _CUT, (part.output,)) for part in PARTS]

    def refined(self, image: RgbImage, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mesh with better lips, lids and brows, and steadier in all: float64 (468, 3).

        points: (468, 3), as the face mesh lies, x and y in pixels of the image.
        """
        looks = [self._from(image, _around(points[:, :2], room)) for room in _FACE_ROOMS]
        refined: NDArray[np.float64] = np.mean([points, *looks], axis=0)
        refined[_OF_PARTS] = np.mean([look[_OF_PARTS] for look in looks], axis=0)
        return refined

    def _from(self, image: RgbImage, square: Affine) -> NDArray[np.float64]:
        found = self.look(warp(image, square, (_SIDE, _SIDE)))
        back = inverse(square)
        plane = (found[:, :2] - 0.5) @ back[:, :2].T + back[:, 2]
        return np.column_stack([plane, found[:, 2] / scale_of(square)])

    def look(self, square: RgbImage) -> NDArray[np.float64]:
        """The points on the face in a square image, uint8 (192, 192, 3): float64 (468, 3).

        x and y are in its pixels, 0 at its border; z is in the same unit, larger further away from the camera.
        """
        mesh, features = self._face(square, 0.0, 1.0)
        coarse = mesh.reshape(-1, 3).astype(np.float64)
        fine = coarse.copy()
        for part, network in zip(PARTS, self._parts, strict=True):
            to_square = _part_at(coarse[part.points, :2], *coarse[list(part.level), :2])
            (found,) = network.forward(_cut_out(features[0], to_square))
            fine[part.points, :2] = (found.reshape(-1, 2) / _FEATURE_PX) @ to_square[:, :2].T + to_square[:, 2]
        return fine


def _around(points: NDArray[np.float64], room: float) -> Affine:
    across = points[LEFT_CORNER] - points[RIGHT_CORNER]
    turn = level_square(np.zeros(2), 1.0, across, 1)[:, :2]
    low, high = (points @ turn.T).min(0), (points @ turn.T).max(0)
    return level_square((low + high) / 2 @ turn, float((high - low).max()) * room, across, _SIDE)


def _part_at(points: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]) -> Affine:
    """Where in the face's image a part is seen, that lies level between two points: (2, 3), from columns and rows."""
    x, y = right - left
    length = max(float(np.hypot(x, y)), 1e-6)
    turn = np.array([[x, -y], [y, x]]) / length
    level = points @ turn
    low, high = level.min(0), level.max(0)
    linear = turn * ((high - low) * _ROOM / _CUT)
    return np.column_stack([linear, turn @ ((low + high) / 2) - linear @ np.full(2, _CUT / 2)])


def _cut_out(features: NDArray[np.float32], to_square: Affine) -> NDArray[np.float32]:
    """Features (H, W, C) at the places of a part's rows and columns, (1, 16, 16, C); 0 beyond them."""
    height, width, channels = features.shape
    x, y = to_square[:, :2] @ _PLACES + to_square[:, 2:]
    x, y = x / _FEATURE_PX - 0.5, y / _FEATURE_PX - 0.5
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left, top = (np.clip(np.floor(at), 0, side - 2).astype(int) for at, side in ((x, width), (y, height)))
    right_share, low_share = ((at - start).astype(np.float32)[:, None] for at, start in ((x, left), (y, top)))
    flat, first = features.reshape(-1, channels), top * width + left
    cut = _between(flat, first, right_share)
    lower = _between(flat, first + width, right_share)
    cut *= 1 - low_share
    lower *= low_share
    cut += lower
    if not inside.all():
        cut *= inside[:, None]
    return cut.reshape(1, _CUT, _CUT, channels)


def _between(flat: NDArray[np.float32], left: NDArray[np.int64], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (N, C) between those at some places (n,) and those right of them, by shares (n, 1): (n, C)."""
    between, right = np.take(flat, left, axis=0), np.take(flat, left + 1, axis=0)
    between *= 1 - share
    right *= share
    between += right
    return between
