"""Which landmarks are measured: the lists of the reference study, in the 72 points of the face_recognition package.

Those are iBUG's 68 with the lips' corners listed for both lips: chin 0-16, left brow 17-21, right brow 22-26, nose
bridge 27-30, nose tip 31-35, left eye 36-41, right eye 42-47, top lip 48-59, bottom lip 60-71.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Subset: TypeAlias = Literal[72, 68, 28, 10, 5, "regions"]

CHIN, LEFT_BROW, RIGHT_BROW = range(17), range(17, 22), range(22, 27)
NOSE_BRIDGE, NOSE_TIP = range(27, 31), range(31, 36)
LEFT_EYE, RIGHT_EYE = range(36, 42), range(42, 48)
TOP_LIP, BOTTOM_LIP = range(48, 60), range(60, 72)

IBUG_OF_72 = (*range(55), 64, 63, 62, 61, 60, *range(54, 60), 48, 60, 67, 66, 65, 64)
"""The iBUG number of each of the 72 points."""
OF_68 = tuple(IBUG_OF_72.index(point) for point in range(68))
OF_28 = (
    *RIGHT_EYE,
    *LEFT_EYE,
    *(0, 4, 8, 12, 16),
    NOSE_TIP,
    *(48, 50, 52, 56, 58, 60, 62, 64, 68, 70),
)
OF_10 = (LEFT_EYE, RIGHT_EYE, NOSE_TIP, 48, 60, 51, 63, 8, 2, 14)
REGIONS = (CHIN, LEFT_BROW, RIGHT_BROW, NOSE_BRIDGE, NOSE_TIP, LEFT_EYE, RIGHT_EYE, TOP_LIP, BOTTOM_LIP)

SUBSETS: dict[Subset, tuple[int | range, ...]] = {
    72: tuple(range(72)),
    68: OF_68,
    28: OF_28,
    10: OF_10,
    5: OF_10[:5],
    "regions": REGIONS,
}
"""What each value is made of, in 72-point numbers: a point, or the mean of several."""


def weights(subset: Subset) -> NDArray[np.float32]:
    """How much each of the 68 landmarks counts in each value: float32 (n, 68), each row sums to 1."""
    matrix = np.zeros((len(SUBSETS[subset]), 68), np.float32)
    for row, points in zip(matrix, SUBSETS[subset], strict=True):
        group = [points] if isinstance(points, int) else points
        for point in group:
            row[IBUG_OF_72[point]] += 1 / len(group)
    return matrix
