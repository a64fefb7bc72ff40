"""Where the 68 landmarks of iBUG-68 lie on the 468 points of the face mesh.

The table is what tools/fit_points.py prints: the places that come nearest to dlib's landmarks.
"""

import numpy as np
from numpy.typing import NDArray

# fmt: off
POINTS: tuple[tuple[int, int, float], ...] = (
    # 0 to 16: jaw, from the subject's right ear to the left one
    (127, 234, 0.2), (234, 93, 0.4), (93, 132, 0.5), (132, 58, 0.6), (58, 172, 0.8), (136, 150, 0.2), (150, 149, 0.8),
    (176, 148, 0.6), (152, 152, 0.0), (400, 377, 0.6), (379, 378, 0.8), (365, 379, 0.2), (288, 397, 0.8),
    (361, 288, 0.6), (323, 361, 0.5), (454, 323, 0.4), (356, 454, 0.2),
    # 17 to 26: right brow, left brow, each from the right to the left
    (52, 46, 1.2), (65, 63, 0.9), (105, 66, 0.4), (105, 107, 0.7), (55, 107, 0.4), (285, 336, 0.4), (334, 336, 0.7),
    (334, 296, 0.4), (295, 293, 0.9), (282, 276, 1.2),
    # 27 to 35: nose: bridge, then from the right nostril to the left one
    (8, 197, 0.5), (197, 195, 0.1), (5, 197, 0.1), (4, 1, 0.4), (242, 98, 0.7), (97, 94, 0.1), (94, 164, 0.5),
    (326, 94, 0.1), (462, 327, 0.7),
    # 36 to 47: right eye, left eye: outer or right corner, upper lid, other corner, lower lid back
    (33, 7, 0.8), (160, 159, 0.4), (158, 157, 0.3), (155, 155, 0.0), (153, 153, 0.0), (144, 145, 0.2), (382, 382, 0.0),
    (385, 384, 0.3), (387, 386, 0.4), (263, 249, 0.8), (373, 374, 0.2), (380, 380, 0.0),
    # 48 to 67: mouth: outline from the right corner over the upper lip and back, then the same inside
    (61, 61, 0.0), (39, 74, 0.5), (72, 164, 0.2), (11, 164, 0.1), (302, 164, 0.2), (269, 304, 0.5), (291, 291, 0.0),
    (313, 321, 0.8), (315, 313, 0.4), (16, 18, 0.4), (85, 83, 0.4), (83, 91, 0.8), (78, 78, 0.0), (82, 82, 0.0),
    (13, 13, 0.0), (312, 312, 0.0), (308, 308, 0.0), (402, 317, 0.9), (14, 14, 0.0), (178, 87, 0.9),
)
# fmt: on
"""For each landmark two points of the mesh, and the share of the way from the first to the second."""

_FROM, _TO = (np.array([point[end] for point in POINTS]) for end in (0, 1))
_SHARE = np.array([point[2] for point in POINTS])[:, None]


def on_mesh(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The landmarks (68, D) on a mesh of (468, D) points."""
    found: NDArray[np.float64] = points[_FROM] * (1 - _SHARE) + points[_TO] * _SHARE
    return found
