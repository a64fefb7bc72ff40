"""How much of a face is still as it was, whatever the file was encoded with since."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Box, RgbImage
from mien.geometry.boxes import upright

IS_UNCHANGED = 0.5
"""From this share on a face counts as still there. `core/bench/leaks.py` measures it. On 35 faces of four clips, a face
that `morph` draws on the same landmarks has at most .12, and one that is hidden by blocks or blurred by 1/12 of its
width 0. All faces reach it that were encoded again with H.264 at CRF 32 or as JPEG of quality 20, 80 % at CRF 36,
and 71 % of those half of which was hidden. Others have to be recognized; small faces lose more by encoding."""
_CELLS = 4
_LARGEST_CHANGE = 0.1
"""A cell is as it was if the squared change of its detail is at most this share of the squared detail."""
_SIDE_PX, _SMALLEST_PX = 32, 4
_EDGE, _ABOVE, _BELOW = 0.15, 0.25, 0.1
"""What of a box is no face: at each side, above the brows, below the mouth."""


def unchanged_share(original: RgbImage, output: RgbImage, box: Box) -> float:
    """How much of a face's detail is as it was, in [0, 1]: of its four halves (left, right, upper, lower) the best one.

    original, output: uint8 (H, W, 3), of one size. box: of the face. Compared is the gray image between brows and
    mouth, at 32×32 px or less and without slow gradients, in 4×4 cells; what counts is the share of cells. So light,
    color and coarse encoding count little, and eyes, nose and mouth much. Of a face that is smaller than 4 px, or lies
    outside, nothing can be said: not a number.
    """
    before, after = _detail(original, box), _detail(output, box)
    if before is None or after is None:
        return float("nan")
    detail, change = (
        cv2.resize(squared, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for squared in (before**2, (before - after) ** 2)
    )
    as_it_was = change <= _LARGEST_CHANGE * detail
    half = _CELLS // 2
    halves = (as_it_was[:half], as_it_was[half:], as_it_was[:, :half], as_it_was[:, half:])
    return max(float(np.mean(one)) for one in halves)


def _detail(image: RgbImage, box: Box) -> NDArray[np.float32] | None:
    box = upright(box)
    width, height = box.right - box.left, box.bottom - box.top
    columns, rows = (
        slice(max(round(low), 0), min(round(high), limit))
        for low, high, limit in (
            (box.left + _EDGE * width, box.right - _EDGE * width, image.shape[1]),
            (box.top + _ABOVE * height, box.bottom - _BELOW * height, image.shape[0]),
        )
    )
    smaller = min(columns.stop - columns.start, rows.stop - rows.start)
    if smaller < _SMALLEST_PX:
        return None
    side = int(np.clip(smaller, 2 * _CELLS, _SIDE_PX))
    gray = cv2.cvtColor(np.ascontiguousarray(image[rows, columns]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
    detail: NDArray[np.float32] = small - cv2.GaussianBlur(small, (0, 0), side / 8)
    return detail
