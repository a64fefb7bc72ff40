"""Which parts of an image the detectors look at, and in which order."""

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from mien.contracts.face import RgbImage
from mien_extractor_blazeface.detector import FULL_RANGE, SHORT_RANGE, Detection, Detector

_SMALLEST_SHARE = 0.06
"""Width of the smallest face that is found for certain, as a share of the side of the part that is looked at."""
_OVERLAP = 0.25
"""How much of its side a tile shares with the next: a face up to that size lies in one of them whole."""
_FINER = 4
"""From one size of tiles to the next, at most: what is too large to lie whole in a tile is found in one of the size
above."""

Detect = Callable[[RgbImage, float], list[Detection]]


class ExtractorPool:
    """Observations for faces in rounds, each of which finds what the rounds before may have missed."""

    def __init__(self) -> None:
        self._full_range, self._short_range = Detector(FULL_RANGE), Detector(SHORT_RANGE)

    def quick(self, image: RgbImage, min_score: float) -> Iterator[list[Detection]]:
        """The whole image, first for faces of all sizes, then for large and for cut ones."""
        yield self._full_range.detect(image, min_score)
        yield self._short_range.detect(image, min_score)

    def full(self, image: RgbImage, min_score: float, smallest_face_px: int) -> Iterator[list[Detection]]:
        """The same in tiles, too, and upside down."""
        found = self._both_ways(self._full_range, image, min_score)
        for left, top, side in tiles(image.shape[1], image.shape[0], smallest_face_px):
            found += self._in_tile(image, left, top, side, min_score)
        yield _surest_first(found)
        yield _surest_first(self._both_ways(self._short_range, image, min_score))

    @staticmethod
    def _both_ways(detector: Detector, image: RgbImage, min_score: float) -> list[Detection]:
        """What is found upright, and upside down."""
        turned = detector.detect(image, min_score, upside_down=True)
        return detector.detect(image, min_score) + _turned(turned, image)

    def _in_tile(self, image: RgbImage, left: int, top: int, side: int, min_score: float) -> list[Detection]:
        height, width = image.shape[:2]
        shift = np.array([left, top])
        # A face that the edge of the tile cuts through lies in another tile whole; not so one at the image's border.
        low = [0 if left else -np.inf, 0 if top else -np.inf]
        high = [side if left + side < width else np.inf, side if top + side < height else np.inf]
        tile = np.ascontiguousarray(image[top : top + side, left : left + side])
        return [
            Detection(found.corners + shift, found.points + shift, found.score)
            for found in self._full_range.detect(tile, min_score)
            if (found.corners[0] >= low).all() and (found.corners[1] <= high).all()
        ]


def tiles(width: int, height: int, smallest_face_px: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and side, in pixels, of the overlapping squares in which faces of that width are found."""
    longer, finest = max(width, height), max(1, math.floor(smallest_face_px / _SMALLEST_SHARE))
    sizes = math.ceil(math.log(longer / finest, _FINER)) if longer > finest else 0
    for side in np.geomspace(longer, min(finest, longer), sizes + 1)[1:].round().astype(int).tolist():
        for top, left in itertools.product(_starts(height, side), _starts(width, side)):
            yield left, top, side


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = math.ceil((length - side) / (side * (1 - _OVERLAP))) + 1
    return [round(start) for start in np.linspace(0, length - side, count)]


def _turned(found: list[Detection], image: RgbImage) -> list[Detection]:
    last = np.array([image.shape[1] - 1, image.shape[0] - 1])
    return [Detection(last - detection.corners[::-1], last - detection.points, detection.score) for detection in found]


def _surest_first(found: list[Detection]) -> list[Detection]:
    return sorted(found, key=lambda detection: -detection.score)
