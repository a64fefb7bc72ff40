"""At which sizes an image is searched, and in which parts, so that faces of all sizes are found in bounded memory."""

import itertools
import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien_extractor_centerface.detector import Detections, each_once

LARGEST_PX = 400
"""Longer side of the largest box that is drawn well: of larger faces the network takes a part for the whole."""
_LEFT_TO_FINER = 0.8
"""Faces up to this share of that are left to the search at the next finer size, which draws them more exactly."""
_COARSEST_PX = 384
"""Shorter side of the image at the coarsest size: a face that fills it is found whole."""
_COARSER = 8
"""From one size to the next, at most: what is too large at one is still large enough at the next."""
TILE_PX = 2048
"""Longer side of what the network is given at once, at most: its square takes 0.8 GB."""

Detect = Callable[[RgbImage], Detections]


def search(image: RgbImage, finest: float, overlap: float, detect: Detect) -> Detections:
    """The faces of an image, surest first, each once: what `detect` finds at the size `finest` and at smaller ones.

    finest: in (0, 1], what both sides are multiplied by. overlap: see `each_once`.
    """
    scales = sizes(min(image.shape[:2]), finest)
    found = []
    for finer, scale in itertools.pairwise([math.inf, *scales]):
        resized, factors = _resized(image, scale)
        here = _in_tiles(resized, detect).scaled(factors)
        largest = math.inf if scale == scales[-1] else LARGEST_PX / scale
        found.append(here[(here.sides > _LEFT_TO_FINER * LARGEST_PX / finer) & (here.sides <= largest)])
    return each_once(Detections.joined(found), overlap)


def sizes(shorter_px: int, finest: float) -> list[float]:
    """What an image with that shorter side is shrunk by: from `finest` to where no face in it is too large."""
    coarsest = _COARSEST_PX / shorter_px
    scales = [finest]
    while scales[-1] * shorter_px > LARGEST_PX:
        scales.append(max(scales[-1] / _COARSER, coarsest))
    return scales


def tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of overlapping parts: any box whose sides are below LARGEST_PX lies in one whole."""
    for (top, bottom), (left, right) in itertools.product(_spans(height), _spans(width)):
        yield left, top, right, bottom


def _spans(length: int) -> list[tuple[int, int]]:
    if length <= TILE_PX:
        return [(0, length)]
    count = math.ceil((length - LARGEST_PX) / (TILE_PX - LARGEST_PX))
    starts = np.linspace(0, length - TILE_PX, count).astype(int).tolist()
    return [(start, start + TILE_PX) for start in starts]


def _in_tiles(image: RgbImage, detect: Detect) -> Detections:
    height, width = image.shape[:2]
    found = []
    for left, top, right, bottom in tiles(width, height):
        here = detect(image[top:bottom, left:right]).moved(np.array([left, top]))
        # A face that the edge of the tile cuts through lies in another tile whole; not so one at the image's border.
        low = [left if left else -np.inf, top if top else -np.inf]
        high = [right if right < width else np.inf, bottom if bottom < height else np.inf]
        found.append(here[np.all((here.boxes[:, 0] >= low) & (here.boxes[:, 1] <= high), axis=1)])
    return Detections.joined(found)


def _resized(image: RgbImage, scale: float) -> tuple[RgbImage, NDArray[np.float64]]:
    """The image at that size, and what places in it are multiplied by to be places in the image: (2,)."""
    height, width = image.shape[:2]
    if scale == 1:
        return image, np.ones(2)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8), np.array([width / size[0], height / size[1]])
