"""Hands in front of a face, so that they stay there when another face is drawn."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import (
    AlignmentConfig,
    compose,
    face_outline,
    inverse,
    scale_of,
    similarity_to_crop,
    transform_points,
    warp,
)
from mien.geometry.masks import hull_mask
from mien.imaging.guided_filter import guided
from mien_masker_hands.detector import Hand, HandDetector

_VIEW = AlignmentConfig(size=384, margin=0.8)
"""Where hands are looked for: a face with a hand's length around it."""
_LEAST_PALM = 0.4
_SMALLEST_PX = 32.0
"""The hands before a face that is smaller in its image, from brows to chin, cannot be told from it."""
_PALM = (0, 1, 5, 9, 13, 17)
_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_KNUCKLES, _WRIST, _MIDDLE = (5, 17), 0, 9
_THICK = (0.36, 0.34, 0.34, 0.32, 0.28)
"""Of thumb and fingers, as shares of the palm's width."""
_CLOSED = 0.15
"""A gap between fingers narrower than that share of the palm's width is none."""
_PALM_THICK = 0.3
_ARM = 1.2
"""How far the forearm reaches, and"""
_ARM_THICK = 0.75
"""how thick it is, as a share of the palm's length and width."""
_LEAST_WIDTH = 0.55
"""Of a hand seen from its edge, as a share of the palm's length."""
_GUIDE_PX = 5
_GUIDE_EDGE = 0.02**2


class HandsConfig(PluginConfig):
    """What is taken for a hand, and how much may be uncovered."""

    least_score: float = Field(default=0.95, ge=0.0, le=1.0)
    """How sure the network has to be of a hand: ears, noses and foreheads reach 0.92, hands 0.99."""
    grow: float = Field(default=1.0, gt=0.0, le=2.0)
    """How thick fingers and palm are drawn around their bones, by the usual."""
    most: float = Field(default=0.35, ge=0.0, le=1.0)
    """Largest share of the face that may stay as it was: where hands seem to hide more of it, nothing is taken from the
    mask, since what is taken stays visible."""


class Hands(Masker):
    """Hands in front of the face, and the forearm's beginning.

    Two networks by MediaPipe find palms in the image around the face and measure 21 points on each hand; fingers and
    palm are drawn around these bones and brought to the image's edges by a guided filter (He, Sun & Tang, PAMI 2013).
    Of a face without landmarks it says nothing. It subtracts: what it sees stays in the image as it was filmed.
    """

    Config = HandsConfig
    config: HandsConfig
    subtracts = True
    needs_scene = True
    seldom = 4

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self._detector = HandDetector()

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """The hands in front of N faces: uint8 (N, S, S)."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        for mask, crop in zip(masks, crops, strict=True):
            if crop.landmarks is not None and crop.scene is not None:
                mask[:] = self._seen(crop)
        return masks

    def _seen(self, crop: FaceCrop) -> NDArray[np.uint8]:
        nothing = np.zeros((crop.size, crop.size), np.uint8)
        if np.ptp(face_outline(crop), axis=0).max() < _SMALLEST_PX * scale_of(crop.to_crop):
            return nothing
        within = similarity_to_crop(face_outline(crop), _VIEW)  # from the crop to the view
        view = warp(np.ascontiguousarray(crop.scene), compose(within, crop.to_crop), (_VIEW.size, _VIEW.size))
        hands = [hand for hand in self._detector.find(view, _LEAST_PALM) if hand.score >= self.config.least_score]
        if not hands:
            return nothing
        drawn = np.zeros((_VIEW.size, _VIEW.size), np.float32)
        for hand in hands:
            drawn = np.maximum(drawn, _form(hand, _VIEW.size, self.config.grow))
        seen = np.clip((guided(view, drawn, _GUIDE_PX, _GUIDE_EDGE) - 0.3) / 0.4, 0, 1)
        face = hull_mask(transform_points(within, face_outline(crop)), _VIEW.size, 0.0)
        if (seen * face).sum() > self.config.most * face.sum():
            return nothing
        return warp(np.rint(seen * 255).astype(np.uint8), inverse(within), (crop.size, crop.size))


def _form(hand: Hand, size: int, grow: float) -> NDArray[np.float32]:
    """A hand drawn around its bones: float32 (S, S) of 0 and 1."""
    points = hand.points
    length = float(np.linalg.norm(points[_MIDDLE] - points[_WRIST]))
    across = float(np.linalg.norm(points[_KNUCKLES[0]] - points[_KNUCKLES[1]]))
    width = max(across, _LEAST_WIDTH * length) * grow
    plane = np.zeros((size, size), np.uint8)
    palm = cv2.convexHull(_fixed(points[list(_PALM)]))
    cv2.fillConvexPoly(plane, palm, 255, cv2.LINE_8, 4)
    cv2.polylines(plane, [palm], True, 255, max(round(_PALM_THICK * width), 1), cv2.LINE_8, 4)
    for finger, thick in zip(_FINGERS, _THICK, strict=True):
        cv2.polylines(plane, [_fixed(points[list(finger)])], False, 255, max(round(thick * width), 1), cv2.LINE_8, 4)
    side = max(round(_CLOSED * width), 1)
    plane = np.asarray(cv2.morphologyEx(plane, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), np.uint8)
    away = points[_WRIST] - points[_MIDDLE]
    arm = np.stack([points[_WRIST], points[_WRIST] + _ARM * away])
    cv2.polylines(plane, [_fixed(arm)], False, 255, max(round(_ARM_THICK * width), 1), cv2.LINE_8, 4)
    return np.asarray(plane / 255, np.float32)


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * 16), np.int32)
