"""BlazeFace: where an image may show a face, with both eyes, nose, mouth and ears.

V. Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, arXiv:1907.05047. For each anchor
(a place on a grid over the image) a network gives a score, a box and six points, relative to the anchor.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien_extractor_blazeface.network import STEP_PX, Network, probability

_POINTS = 6
SAME_FACE = 0.3
"""Boxes that share more than this, as intersection over union, show the same face."""


class Layout(NamedTuple):
    """A detector's file, and where its anchors are."""

    file: str
    side: int
    """Of its image, in pixels."""
    grids: tuple[tuple[int, int], ...]
    """Places along a side of the grid, and anchors at each place."""
    outputs: tuple[str, str]
    """Names of the output for boxes and points, and of that for scores."""
    enlarged: tuple[int, ...] = ()
    """See `Network`; without them it is given square images only."""


FULL_RANGE = Layout(
    "face_detection_full_range.tflite",
    192,
    ((48, 1),),
    ("reshaped_regressor_face_4", "reshaped_classifier_face_4"),
    enlarged=(12, 24, 48),
)
"""Faces whose width is between a 20th and two thirds of the image's longer side."""
SHORT_RANGE = Layout("face_detection_short_range.tflite", 128, ((16, 2), (8, 6)), ("regressors", "classificators"))
"""Faces from a 10th of the longer side on, up to such as fill the image or are cut off by its border."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What may be a face, in pixels of the image."""

    corners: NDArray[np.float64]
    """(2, 2): upper left and lower right corner of the box, each x and y."""
    points: NDArray[np.float64]
    """(6, 2): the subject's right eye, left eye, tip of the nose, mouth, right ear, left ear."""
    score: float
    """In (0, 1)."""


class Detector:
    """One of the detecting networks."""

    def __init__(self, layout: Layout) -> None:
        self._network = Network(layout.file, layout.side, layout.outputs, layout.enlarged)
        self._layout = layout

    def detect(self, image: RgbImage, min_score: float, *, upside_down: bool = False) -> list[Detection]:
        """One detection for each face, surest first. upside_down: of the image turned by 180 degrees, in its pixels."""
        side = self._network.side
        height, width = image.shape[:2]
        scale = side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Down to nearly half the size a bilinear resampling leaves hardly a pixel out, and is ten times as fast.
        how = cv2.INTER_AREA if scale < 0.45 else cv2.INTER_LINEAR
        padded = np.zeros((*self._rows_and_columns(*size), 3), np.uint8)
        resized = cv2.resize(image, size, interpolation=how)
        padded[: size[1], : size[0]] = resized[::-1, ::-1] if upside_down else resized
        boxes, logits = self._network(padded, -1.0, 1.0)
        scores = probability(logits).ravel()
        sure = np.flatnonzero(scores >= min_score)
        values = boxes.reshape(-1, 2 + _POINTS, 2)[sure].astype(np.float64)
        anchor = anchors(self._layout, *padded.shape[:2])[sure, None]
        center, half, points = values[:, :1] + anchor, values[:, 1:2] / 2, values[:, 2:] + anchor
        places = np.concatenate([center - half, center + half, points], axis=1)
        # An integer is the centre of a pixel.
        return _blended(places * (width / size[0], height / size[1]) - 0.5, scores[sure])

    def _rows_and_columns(self, width: int, height: int) -> tuple[int, int]:
        """Of the image that the network is given: no more than it needs, as it takes time by the pixel."""
        if not self._layout.enlarged:
            return self._network.side, self._network.side
        return -(-height // STEP_PX) * STEP_PX, -(-width // STEP_PX) * STEP_PX


@lru_cache(maxsize=64)
def anchors(layout: Layout, height: int, width: int) -> NDArray[np.float64]:
    """The anchors' places (N, 2), x and y, in pixels of an image of that size from its upper left corner."""
    places = []
    for cells, repeats in layout.grids:
        apart = layout.side / cells
        x, y = np.meshgrid(np.arange(apart / 2, width, apart), np.arange(apart / 2, height, apart))
        places.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(places)


def share_in_common(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of a box (2, 2), upper left and lower right corner, with each of (N, 2, 2)."""
    shared = _area(np.stack([np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])], axis=1))
    return _ratio(shared, _area(box) + _area(others) - shared)


def share_of_smaller(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the smaller box lies in the other: boxes as in `share_in_common`."""
    shared = _area(np.stack([np.maximum(box[0], others[:, 0]), np.minimum(box[1], others[:, 1])], axis=1))
    return _ratio(shared, np.minimum(_area(box), _area(others)))


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.clip(boxes[..., 1, :] - boxes[..., 0, :], 0, None).prod(-1)
    return area


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return ratio


def _blended(places: NDArray[np.float64], scores: NDArray[np.float64]) -> list[Detection]:
    """Of anchors that see the same face the mean, weighted by their scores (section 4.2 of the paper).

    places: (N, 8, 2), the box's corners and the six points.
    """
    left = np.argsort(-scores, kind="stable")
    detections = []
    while left.size:
        same = share_in_common(places[left[0], :2], places[left, :2]) > SAME_FACE
        same[0] = True  # even if its box is empty
        group = left[same]
        mean = np.average(places[group], axis=0, weights=scores[group])
        detections.append(Detection(mean[:2], mean[2:], float(scores[left[0]])))
        left = left[~same]
    return detections
