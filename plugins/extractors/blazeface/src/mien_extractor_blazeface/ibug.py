"""Where the 68 landmarks of iBUG-68 lie on the 468 points of the face mesh.

The table is what tools/fit_points.py prints: the places that come nearest to dlib's landmarks.
"""

import numpy as np
from numpy.typing import NDArray

# fmt: off
POINTS: tuple[tuple[int, int, float], ...] = (
    # 0 to 16: jaw, from the subject's right ear to the left one
    (127, 234, 0.2), (234, 93, 0.4), (93, 132, 0.6), (132, 58, 0.7), (172, 172, 0.0), (136, 150, 0.4),
    (149, 149, 0.0), (176, 148, 0.6), (152, 152, 0.0), (400, 377, 0.6), (378, 378, 0.0), (365, 379, 0.4),
    (397, 397, 0.0), (361, 288, 0.7), (323, 361, 0.6), (454, 323, 0.4), (356, 454, 0.2),
    # 17 to 26: right brow, left brow, each from the right to the left
    (65, 46, 1.2), (53, 63, 0.9), (66, 105, 0.7), (66, 107, 0.4), (55, 107, 0.5), (285, 336, 0.5),
    (296, 336, 0.4), (296, 334, 0.7), (283, 293, 0.9), (295, 276, 1.2),
    # 27 to 35: nose: bridge, then from the right nostril to the left one
    (8, 197, 0.5), (197, 195, 0.2), (5, 5, 0.0), (4, 1, 0.6), (98, 97, 0.4), (97, 2, 0.1),
    (94, 164, 0.6), (326, 2, 0.1), (327, 326, 0.4),
    # 36 to 47: right eye, left eye: outer or right corner, upper lid, other corner, lower lid back
    (33, 7, 0.2), (160, 159, 0.3), (158, 157, 0.3), (155, 155, 0.0), (145, 153, 0.8), (144, 144, 0.0),
    (382, 382, 0.0), (385, 384, 0.3), (387, 386, 0.3), (263, 249, 0.2), (373, 373, 0.0), (374, 380, 0.8),
    # 48 to 67: mouth: outline from the right corner over the upper lip and back, then the same inside
    (76, 76, 0.0), (73, 40, 0.3), (164, 72, 0.9), (0, 11, 0.8), (164, 302, 0.9), (303, 270, 0.3),
    (306, 306, 0.0), (321, 313, 0.3), (315, 313, 0.5), (16, 18, 0.5), (85, 83, 0.5), (91, 83, 0.3),
    (78, 78, 0.0), (81, 82, 0.9), (13, 13, 0.0), (311, 312, 0.9), (308, 308, 0.0), (317, 317, 0.0),
    (14, 14, 0.0), (87, 87, 0.0),
)
# fmt: on
"""For each landmark two points of the mesh, and the share of the way from the first to the second."""

_FROM, _TO = (np.array([point[end] for point in POINTS]) for end in (0, 1))
_SHARE = np.array([point[2] for point in POINTS])[:, None]


def on_mesh(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The landmarks (68, D) on a mesh of (468, D) points."""
    found: NDArray[np.float64] = points[_FROM] * (1 - _SHARE) + points[_TO] * _SHARE
    return found
