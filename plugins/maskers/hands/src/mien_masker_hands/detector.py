"""Hands in an image, and the 21 points of each: MediaPipe's two networks.

F. Zhang, V. Bazarevsky, A. Vakunov, A. Tkachenka, G. Sung, C.-L. Chang, M. Grundmann, MediaPipe Hands: On-device
Real-time Hand Tracking, 2020 (arXiv:2006.10214). The constants are those of the published pipeline.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine
from mien.geometry.alignment import inverse, warp
from mien.networks.packaged import packaged_network
from mien.networks.tflite import TfliteNetwork, image_input

PALM_PX = 192
"""Side of the image in which palms are looked for."""
_HAND_PX = 224
_GRIDS = ((8, 2), (16, 6))
"""Stride in pixels, and boxes at each place of the grid."""
_WRIST, _MIDDLE = 0, 2
"""Of a palm's seven points: those that tell where its fingers are."""
_ENLARGED, _SHIFT = 2.6, 0.5
"""From the box of a palm to that of its hand, in sizes of the palm's."""
_MOST_HANDS = 4
_APART = 0.5


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand in an image."""

    points: NDArray[np.float64]
    """float64 (21, 2) in pixels: the wrist, then the four joints of the thumb and of each finger, tips last."""
    score: float
    """How sure the network is that this is a hand, in [0, 1]."""


class HandDetector:
    """Finds hands. Used by one thread at a time."""

    def __init__(self) -> None:
        """Raises MienError if a network cannot be read."""
        with packaged_network(__package__, "palm_detection_full.tflite", "masker hands") as network:
            self._palms = TfliteNetwork(network, ("Identity_1", "Identity"))
        with packaged_network(__package__, "hand_landmark_full.tflite", "masker hands") as network:
            self._hands = TfliteNetwork(network, ("Identity", "Identity_1"))
        self._centers = _centers()

    def find(self, image: NDArray[np.uint8], least_palm: float) -> list[Hand]:
        """Up to four hands of a square image, uint8 (S, S, 3), RGB. least_palm: probability from which on a palm is
        looked at more closely."""
        side = image.shape[0]
        small = cv2.resize(image, (PALM_PX, PALM_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        logits, raw = (output[0] for output in self._palms(image_input(small)))
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -60, 60)))
        boxes = raw.astype(np.float64) / PALM_PX
        boxes[:, :2] += self._centers
        points = boxes[:, 4:].reshape(-1, 7, 2) + self._centers[:, None]
        taken: list[int] = []
        for row in np.argsort(-scores, kind="stable").tolist():
            if scores[row] < least_palm or len(taken) == _MOST_HANDS:
                break
            apart = [np.linalg.norm(boxes[row, :2] - boxes[near, :2]) / boxes[near, 2:4].max() for near in taken]
            if all(distance > _APART for distance in apart):
                taken.append(row)
        return [self._measured(image, boxes[row, :4] * side, points[row] * side) for row in taken]

    def _measured(self, image: NDArray[np.uint8], box: NDArray[np.float64], palm: NDArray[np.float64]) -> Hand:
        to_hand = _upright(box, palm)
        view = warp(image, to_hand, (_HAND_PX, _HAND_PX))
        points, score = self._hands(image_input(view))
        back = inverse(to_hand)
        return Hand(points.reshape(21, 3)[:, :2].astype(np.float64) @ back[:, :2].T + back[:, 2], float(score[0, 0]))


def _upright(box: NDArray[np.float64], palm: NDArray[np.float64]) -> Affine:
    """Image pixels to those of the hand's view, fingers up: float64 (2, 3)."""
    along = palm[_MIDDLE] - palm[_WRIST]
    angle = np.arctan2(along[1], along[0]) + np.pi / 2
    size = float(box[2:4].max())
    center = box[:2] + _SHIFT * size * np.array([np.sin(angle), -np.cos(angle)])
    level = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = level * (_HAND_PX / max(_ENLARGED * size, 1.0))
    return np.column_stack([linear, _HAND_PX / 2 - linear @ center])


def _centers() -> NDArray[np.float64]:
    """Where each box of the first network lies, in shares of the side: float64 (2016, 2)."""
    grids = []
    for stride, boxes in _GRIDS:
        count = PALM_PX // stride
        y, x = (np.mgrid[:count, :count] + 0.5) / count
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), boxes, axis=0))
    return np.concatenate(grids)
