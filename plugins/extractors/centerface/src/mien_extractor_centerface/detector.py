"""CenterFace: where an image may show a face, with both eyes, nose and corners of the mouth.

Y. Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, arXiv:1911.03599. A face is one cell
of a grid over the image, the one in which its center lies. Of each cell the network says how sure it is of that, where
in it the center lies, how large the face is, and where its points are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien_extractor_centerface.network import CELL_PX, Network

Values = TypeVar("Values", float, NDArray[np.float64])
AS_LIKELY_AS_NOT = 0.2
"""The network's score of which half are faces, as tools/calibrate.py counts them."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What may be faces, in pixels of the image, in no order."""

    boxes: NDArray[np.float64]
    """(N, 2, 2): upper left and lower right corner, each x and y."""
    points: NDArray[np.float64]
    """(N, 5, 2): eyes, tip of the nose, corners of the mouth; of an upright face the left one of the image first."""
    scores: NDArray[np.float64]
    """(N,), in (0, 1): see `probability`."""

    @classmethod
    def joined(cls, parts: Sequence["Detections"]) -> "Detections":
        """All of several."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.points for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Detections":
        return Detections(self.boxes[rows], self.points[rows], self.scores[rows])

    @property
    def sides(self) -> NDArray[np.float64]:
        """(N,): the longer side of each box."""
        sides: NDArray[np.float64] = (self.boxes[:, 1] - self.boxes[:, 0]).max(1)
        return sides

    def scaled(self, factors: NDArray[np.float64]) -> "Detections":
        """In pixels of the image before it was resampled: factors (2,), its width and height by those of the new."""
        return Detections((self.boxes + 0.5) * factors - 0.5, (self.points + 0.5) * factors - 0.5, self.scores)

    def moved(self, shift: NDArray[np.int64]) -> "Detections":
        """In pixels of the image that a part was cut from, at the place (x, y)."""
        return Detections(self.boxes + shift, self.points + shift, self.scores)


class Detector:
    """The network, and what its answers mean."""

    def __init__(self) -> None:
        self._network = Network()

    def detect(self, image: RgbImage, threshold: float, overlap: float) -> Detections:
        """Faces with at least that score, each once: see `each_once`."""
        heat, sizes, offsets, points = self._network(image)
        scores = probability(heat[0].astype(np.float64))
        rows, columns = np.nonzero(scores >= threshold)
        cells = np.stack([columns, rows], axis=1)[:, None]
        centers = (cells + 0.5 + _per_face(offsets, rows, columns)) * CELL_PX
        sides = np.exp(_per_face(sizes, rows, columns)) * CELL_PX
        # An integer is the center of a pixel.
        boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=1) - 0.5
        places = boxes[:, :1] + _per_face(points, rows, columns) * sides
        found = Detections(boxes, places, scores[rows, columns])
        return each_once(found, overlap)


def probability(score: Values) -> Values:
    """How likely a face is that the network gives that score, both in [0, 1]: its odds by those of AS_LIKELY_AS_NOT."""
    return score / (score + (1 - score) * (AS_LIKELY_AS_NOT / (1 - AS_LIKELY_AS_NOT)))


def as_network(probability: Values) -> Values:
    """The network's score of such a face: the inverse of `probability`."""
    return probability / (probability + (1 - probability) * ((1 - AS_LIKELY_AS_NOT) / AS_LIKELY_AS_NOT))


def each_once(found: Detections, overlap: float) -> Detections:
    """Surest first, without those that share more than `overlap` with a surer one, as intersection over union."""
    sides = found.boxes[:, 1] - found.boxes[:, 0]
    rectangles = np.concatenate([found.boxes[:, 0], sides], axis=1)
    kept = cv2.dnn.NMSBoxes(rectangles.tolist(), found.scores.tolist(), 0.0, overlap)
    return found[np.asarray(kept, np.intp).ravel()]


def _per_face(output: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of the output (2·n, h, w) the values at those cells: (N, n, 2), x before y; the network has y before x."""
    return output[:, rows, columns].T.reshape(len(rows), len(output) // 2, 2)[..., ::-1].astype(np.float64)
