"""How much of a face is still as it was, whatever the file was encoded with since."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Face, RgbImage
from mien.geometry.boxes import upright

IS_UNCHANGED = 0.5
"""From this share on a face counts as still there. `core/bench/leaks.py` measures it. On 88 faces of ten clips, half of
them 60 px wide, one that `morph` draws on the same landmarks has at most .12, and one that is hidden by blocks or
blurred by 1/12 of its width 0. All faces reach it that were encoded again with H.264 at CRF 28 or as JPEG of quality
20, 88 % at CRF 32, 39 % at CRF 36, and 75 % of those half of which was hidden. Others have to be recognized."""
_CELLS = 4
_LARGEST_CHANGE = 0.1
"""A cell is as it was if the squared change of its detail is at most this share of the squared detail."""
_SIDE_PX, _SMALLEST_PX = 32, 4
_EDGE, _ABOVE, _BELOW = 0.15, 0.25, 0.1
"""What of a box is no face: at each side, above the brows, below the mouth."""
_FEATURES = slice(17, 68)
"""The landmarks of brows, nose, eyes and mouth. What lies about them, as the edge of the jaw before a wall, stays where
it is also when somebody else is drawn, and a box may reach down to the collar."""


def unchanged_share(original: RgbImage, output: RgbImage, face: Face) -> float:
    """How much of a face's detail is as it was, in [0, 1]: of its four halves (left, right, upper, lower) the best one.

    original, output: uint8 (H, W, 3), of one size. face: in the original. Compared is the gray image between brows and
    mouth, by its landmarks or else by its box, at 32×32 px or less and without slow gradients, in 4×4 cells; what
    counts is the share of cells. So light, color and coarse encoding count little, and eyes, nose and mouth much. Of a
    face that is smaller than 4 px, or lies outside, nothing can be said: not a number.
    """
    region = _between_brows_and_mouth(face)
    before, after = _detail(original, region), _detail(output, region)
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


def _between_brows_and_mouth(face: Face) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels."""
    if face.landmarks is not None:
        (left, top), (right, bottom) = (edge(face.landmarks[_FEATURES], axis=0).tolist() for edge in (np.min, np.max))
        return left, top, right, bottom
    box = upright(face.box)
    width, height = box.right - box.left, box.bottom - box.top
    return (
        box.left + _EDGE * width,
        box.top + _ABOVE * height,
        box.right - _EDGE * width,
        box.bottom - _BELOW * height,
    )


def _detail(image: RgbImage, region: tuple[float, float, float, float]) -> NDArray[np.float32] | None:
    left, top, right, bottom = region
    columns, rows = (
        slice(max(round(low), 0), min(round(high), limit))
        for low, high, limit in ((left, right, image.shape[1]), (top, bottom, image.shape[0]))
    )
    smaller = min(columns.stop - columns.start, rows.stop - rows.start)
    if smaller < _SMALLEST_PX:
        return None
    side = int(np.clip(smaller, 2 * _CELLS, _SIDE_PX))
    gray = cv2.cvtColor(np.ascontiguousarray(image[rows, columns]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
    detail: NDArray[np.float32] = small - cv2.GaussianBlur(small, (0, 0), side / 8)
    return detail
