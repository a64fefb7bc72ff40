"""Leaks as they are shown: the face in the original and in the output, side by side."""

from collections.abc import Iterator

import cv2
import numpy as np

from mien.auditing.frames import ImagePair
from mien.contracts.face import Box, RgbImage
from mien.geometry.boxes import center, longer_side

VIEW_PX = 128
_MARGIN = 0.4
"""What is shown around a box, on each side, as a share of its longer side."""
_MOST_VIEWS = 200
_BEYOND = 90


def view_of(images: ImagePair, box: Box) -> RgbImage:
    """uint8 (128, 256, 3): before and after."""
    return np.concatenate([_around(image, box) for image in (images.original, images.output)], axis=1)


def _around(image: RgbImage, box: Box) -> RgbImage:
    side = max(1, round(longer_side(box) * (1 + 2 * _MARGIN)))
    x, y = center(box)
    scale = VIEW_PX / side
    matrix = np.array([[scale, 0, VIEW_PX / 2 - scale * x], [0, scale, VIEW_PX / 2 - scale * y]])
    # Small ones keep their pixels, so that one sees what is there; large ones are thinned without aliasing.
    if scale < 1:
        left, top = round(x - side / 2), round(y - side / 2)
        padded = cv2.copyMakeBorder(image, side, side, side, side, cv2.BORDER_CONSTANT, value=(_BEYOND,) * 3)
        cut = padded[top + side : top + 2 * side, left + side : left + 2 * side]
        return cv2.resize(cut, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    view = cv2.warpAffine(
        image, matrix, (VIEW_PX, VIEW_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT,
        borderValue=(_BEYOND,) * 3,
    )  # fmt: skip
    return view.astype(np.uint8, copy=False)


class ThinnedViews:
    """Images of numbered leaks: all of a few, and of many as many as a page can show, spread over them."""

    def __init__(self) -> None:
        self._views: dict[int, RgbImage] = {}
        self._step = 1

    def add(self, number: int, view: RgbImage) -> None:
        """The next leak; numbers ascend."""
        if number % self._step == 0:
            self._views[number] = view
        if len(self._views) > _MOST_VIEWS:
            self._step *= 2
            self._views = {kept: view for kept, view in self._views.items() if kept % self._step == 0}

    def items(self) -> Iterator[tuple[int, RgbImage]]:
        """Number and image of those that were kept."""
        yield from self._views.items()
