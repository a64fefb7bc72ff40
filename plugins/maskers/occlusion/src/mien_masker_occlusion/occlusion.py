"""What stands in front of a face, so that it goes on doing so when another face is drawn."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import FaceCrop, Landmarks
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE, inverse, similarity_to_crop, transform_points, warp
from mien.geometry.masks import face_up_to_brows
from mien.imaging.guided_filter import guided
from mien_masker_occlusion.network import CUT, SIDE, Network

_SOFT = 0.15
"""Half the width of the step from nothing in front to something, in the network's probability."""
_LEAST, _LEAST_WITHIN = 0.002, 0.06
"""A spot smaller than this share of the face is none: one that reaches its outline, and one that does not."""
_RIM_PX = 9
_EYE, _EYES_COVERED = 0.3, 0.4
"""Radius around an eye, as a share of the distance between both; how much of that a spot covers that is the eye,"""
_BAND, _IN_BAND = 1.0, 0.7
"""and the height of the band along both eyes, and which share of such a spot lies there."""
_GUIDE_PX = 4
_GUIDE_EDGE = 0.02**2


class OcclusionConfig(PluginConfig):
    """From when on something is taken for real, and how much may be uncovered."""

    threshold: float = Field(default=0.5, gt=0.0, lt=1.0)
    """From which probability on something stands in front. Lower sees more, also where nothing is."""
    most: float = Field(default=0.35, ge=0.0, le=1.0)
    """Largest share of the face that may stay as it was: where more of it seems to be hidden, nothing is taken from the
    mask, since what is taken stays visible, and could be the person."""


class Occlusion(Masker):
    """Hair, microphones, cups, cloth, hands: whatever a small network sees in front of the face.

    The network has learnt from faces of people who never existed with drawn things before them. Its answer is brought
    to the image's edges by a guided filter (He, Sun & Tang, Guided Image Filtering, PAMI 2013). Of a face without
    landmarks it says nothing. It subtracts: what it sees stays in the image as it was filmed.
    """

    Config = OcclusionConfig
    config: OcclusionConfig
    subtracts = True

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self._network = Network()

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """What stands in front of N faces: uint8 (N, S, S)."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        for mask, crop in zip(masks, crops, strict=True):
            if crop.landmarks is not None:
                mask[:] = self._seen(crop.image, crop.landmarks)
        return masks

    def _seen(self, image: NDArray[np.uint8], landmarks: Landmarks) -> NDArray[np.uint8]:
        to_cut = similarity_to_crop(landmarks, CUT)
        there = warp(np.ascontiguousarray(image), to_cut, (SIDE, SIDE))
        marks = transform_points(to_cut, landmarks)
        hidden = self._network(there)
        low, high = self.config.threshold - _SOFT, self.config.threshold + _SOFT
        step = np.clip((guided(there, hidden, _GUIDE_PX, _GUIDE_EDGE) - low) / (high - low), 0, 1)
        face = face_up_to_brows(marks, SIDE)
        step = _plausible(step, face, marks)
        if (step * face).sum() > self.config.most * face.sum():
            return np.zeros(image.shape[:2], np.uint8)
        seen = np.rint(step * 255).astype(np.uint8)
        return warp(seen, inverse(to_cut), (image.shape[1], image.shape[0]))


def face_area(crop: FaceCrop) -> NDArray[np.bool_]:
    """The face up to above the brows, of which `most` is a share: bool (S, S); none of it without landmarks."""
    if crop.landmarks is None:
        return np.zeros((crop.size, crop.size), np.bool_)
    return face_up_to_brows(crop.landmarks, crop.size) > 0


def _plausible(step: NDArray[np.float32], face: NDArray[np.float32], marks: Landmarks) -> NDArray[np.float32]:
    """The same without what cannot stand in front, and without specks.

    What stands in front comes from somewhere: hair from the forehead, an arm from below, glasses from the ears. A small
    spot that ends within the face on all sides is an eye in the shadow, or a mole. And what covers hardly more than
    eyes are the eyes, or dark glasses: they stay part of the mask, since they tell who somebody is.
    """
    eyes, band = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    centers = np.stack([marks[LEFT_EYE].mean(0), marks[RIGHT_EYE].mean(0)])
    apart = float(np.linalg.norm(centers[1] - centers[0]))
    at = np.rint(centers).astype(np.int32)
    for center in at:
        cv2.circle(eyes, (int(center[0]), int(center[1])), max(round(_EYE * apart), 1), 1, -1)
    cv2.polylines(band, [at], False, 1, max(round(_BAND * apart), 1))
    inner = cv2.erode(face, np.ones((_RIM_PX, _RIM_PX), np.uint8))
    count, labels = cv2.connectedComponents((step > 0.5).astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    for number in range(1, count):
        spot = labels == number
        within = float(spot[face > 0].sum())
        is_eyes = (
            float(spot[eyes > 0].sum()) > _EYES_COVERED * eyes.sum() / 2
            and float(spot[band > 0].sum()) > _IN_BAND * within
        )
        least = _LEAST if spot[inner == 0].any() else _LEAST_WITHIN
        kept[number] = within >= least * face.sum() and not is_eyes
    near = cv2.dilate(kept[labels].astype(np.float32), np.ones((5, 5), np.uint8))
    return (step * near).astype(np.float32)
