"""The frames of glasses, so that they stay in front of a face when another one is drawn."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien.contracts.face import Affine, FaceCrop, Landmarks
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import LEFT_EYE, RIGHT_EYE, inverse, scale_of, transform_points, warp
from mien.geometry.masks import face_up_to_brows
from mien.imaging.color import to_lab
from mien.imaging.guided_filter import guided
from mien_masker_glasses.cut import HEIGHT, WIDTH, to_strip
from mien_masker_glasses.network import Network

_SURE = 0.15
"""By how much more than `threshold` the network has to be sure until all is taken that it sees."""
_CORE = 0.5
"""A spot counts if the network is so sure of some of it,"""
_LEAST_PX = 25
"""and if it has so many pixels of the strip: less is a lash, a fold or a strand of hair."""
_LEAST_ALL_PX, _ENOUGH_PX, _LEAST_WIDE_PX = 400, 500, 100
"""So many pixels all spots have together, and so far they reach from side to side; less is no pair of glasses. Of 121
real ones none had below 530 pixels, or was narrower than 130. Between the first number and the second less is taken of
all, so that in video what is hardly seen does not come and go at once."""
_ONE_SIDED, _BALANCED = 0.3, 0.5
"""One side of the face has at least so much of what the other one has, each by its width, or it is a piece of glasses,
which alone looks odd: up to the first share nothing is taken, from the second on all."""
_TURNED = 0.6
"""Where one side is narrower than this share of the other one the head is turned, and nothing is said of that."""
_EYE_COVERED, _BOTH_COVERED = 0.4, 0.7
"""Where more of one eye seems to be behind an opaque lens than the first share, of both it has to be the second: a hand
or its shadow before one eye is no pair of sunglasses, and an eye that is seen tells who somebody is."""
_LENS_PERCENT, _SKIN_PERCENT, _DARK = 80, 75, 0.25
"""What covers both eyes is dark glass if so many of a hundred of its pixels about the eyes have less than the last
share of the luminance that skin has, which is among the lightest of the rest of the strip. Otherwise it may be the
eyes: deep in the shade, in haze, above a hand before nose and mouth they had .35 to .38."""
_LENS = 1.3, 0.9
"""Half the width and the height of what a clear lens shows around an eye, in halves of the eye's width,"""
_THICK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))
_MOST_THICK = 0.25
"""and the largest share of what is left beside it that may be so thick: more is a lens that one does not look through,
a hand or a shadow, and no rim."""
_TEMPLES = 0, 16
"""The jaw's landmarks beside the ears."""
_NEAR = np.ones((5, 5), np.uint8)
_EMPTY, _FULL = 0.2, 0.65
"""Up to this probability a pixel is none of it, and from this one on all of it."""
_GUIDE_REACH = 2.0
"""Pixels of the strip that the guided filter looks at on each side,"""
_GUIDE_EDGE = 0.03**2
"""and the variance of lightness from which on it takes something for an edge."""


class GlassesConfig(PluginConfig):
    """How sure it has to be, and how much may be uncovered."""

    threshold: float = Field(default=0.8, ge=0.0, lt=1.0)
    """How sure the network has to be that there are glasses at all. Below, nothing is taken from the mask."""
    most: float = Field(default=0.35, ge=0.0, le=1.0)
    """Largest share of the face that may stay as it was: where more seems to be glasses, nothing is taken from the
    mask, since what is taken stays visible, and could be the person."""


class Glasses(Masker):
    """Rims, bridge and temples of glasses, and lenses that nothing is seen through, as a small network sees them.

    The network has learnt from faces of people who never existed with drawn glasses. Its answer is brought to the
    image's edges by a guided filter (He, Sun & Tang, Guided Image Filtering, PAMI 2013). Of a face without landmarks it
    says nothing. It subtracts: what it sees stays in the image as it was filmed.
    """

    Config = GlassesConfig
    config: GlassesConfig
    subtracts = True
    thin = True

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self._network = Network()

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """The glasses of N faces: uint8 (N, S, S)."""
        size = crops[0].size if crops else 0
        masks = np.zeros((len(crops), size, size), np.uint8)
        for mask, crop in zip(masks, crops, strict=True):
            if crop.landmarks is not None:
                self._see(np.ascontiguousarray(crop.image), crop.landmarks, mask)
        return masks

    def _see(self, image: NDArray[np.uint8], landmarks: Landmarks, mask: NDArray[np.uint8]) -> None:
        """Write the glasses into a mask of zeros."""
        to_there = to_strip(landmarks)
        strip = warp(image, to_there, (WIDTH, HEIGHT))
        pixels, any_at_all = self._network(strip)
        sure = min(max((any_at_all - self.config.threshold) / _SURE, 0.0), 1.0)
        if sure == 0:
            return
        seen, enough = _plausible(pixels, strip, transform_points(to_there, landmarks))
        if enough == 0:
            return
        rows, columns = _surroundings(to_there, mask.shape[0])
        part = image[rows, columns]
        if not part.size:
            return
        back = inverse(to_there)
        back[:, 2] -= (columns.start, rows.start)
        reach_px = max(round(_GUIDE_REACH / scale_of(to_there)), 1)
        alpha = guided(part, _enlarged(seen, back, part.shape), reach_px, _GUIDE_EDGE)
        alpha = sure * enough * np.clip((alpha - _EMPTY) / (_FULL - _EMPTY), 0, 1)
        face = face_up_to_brows(landmarks, mask.shape[0])
        if (alpha * face[rows, columns]).sum() <= self.config.most * face.sum():
            mask[rows, columns] = np.rint(alpha * 255)


def _plausible(
    pixels: NDArray[np.float32], strip: NDArray[np.uint8], marks: Landmarks
) -> tuple[NDArray[np.float32], float]:
    """The same without specks, and how much of it is to be taken: 0 if it is no whole pair of glasses, else up to 1.

    strip: uint8 (96, 192, 3), RGB. marks: in its pixels.
    """
    spots = _spots(pixels)
    covered = [_share_covered(spots, marks[eye]) for eye in (LEFT_EYE, RIGHT_EYE)]
    if max(covered) > _EYE_COVERED and (min(covered) < _BOTH_COVERED or not _is_dark_glass(spots, strip, marks)):
        pixels = pixels * _beside_eyes(marks, pixels.shape)
        spots = _spots(pixels)
        if _is_filled(spots):
            return pixels, 0.0
    wide = np.ptp(np.flatnonzero(spots.any(0))) if spots.any() else 0
    if spots.sum() < _LEAST_ALL_PX or wide < _LEAST_WIDE_PX:
        return pixels, 0.0
    near = cv2.dilate(spots.astype(np.uint8), _NEAR)
    enough = min((spots.sum() - _LEAST_ALL_PX) / (_ENOUGH_PX - _LEAST_ALL_PX), 1.0)
    return (pixels * near).astype(np.float32), float(enough) * _balanced(spots, marks)


def _spots(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where there is surely some of it, without specks."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((pixels > _CORE).astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= _LEAST_PX
    kept[0] = False
    return np.asarray(kept[labels])


def _beside_eyes(marks: Landmarks, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """1 but where the eyes are, and what of clear lenses is before them: float32."""
    outside = np.full(shape, 255, np.uint8)
    for eye in (LEFT_EYE, RIGHT_EYE):
        center, half = marks[eye].mean(0), np.ptp(marks[eye, 0]) / 2
        axes = np.maximum(np.rint(np.multiply(_LENS, half)), 1).astype(int)
        cv2.ellipse(outside, np.rint(center).astype(int).tolist(), axes.tolist(), 0, 0, 360, 0, -1)
    return cast("NDArray[np.float32]", cv2.GaussianBlur(outside, (0, 0), 1.0).astype(np.float32) / np.float32(255))


def _is_filled(spots: NDArray[np.bool_]) -> bool:
    """Whether a good part of it is as thick as no rim is."""
    thick = cv2.morphologyEx(spots.astype(np.uint8), cv2.MORPH_OPEN, _THICK)
    return bool(thick.sum() > _MOST_THICK * max(spots.sum(), 1))


def _balanced(spots: NDArray[np.bool_], marks: Landmarks) -> float:
    """How far both sides of a face have something of what is seen, in [0, 1]; 1 of a head that is turned."""
    middle = float(marks[LEFT_EYE.start : RIGHT_EYE.stop, 0].mean())
    widths = np.array([middle - marks[_TEMPLES[0], 0], marks[_TEMPLES[1], 0] - middle])
    if widths.min() < _TURNED * widths.max():
        return 1.0
    at = round(min(max(middle, 0), spots.shape[1]))
    less, more = sorted(np.array([spots[:, :at].sum(), spots[:, at:].sum()]) / widths)
    return float(np.clip((less / max(more, 1e-3) - _ONE_SIDED) / (_BALANCED - _ONE_SIDED), 0, 1))


def _is_dark_glass(spots: NDArray[np.bool_], strip: NDArray[np.uint8], marks: Landmarks) -> bool:
    """Whether what covers both eyes is much darker than the skin around it, all over."""
    luminance = ((to_lab(strip)[..., 0] + 16) / 116) ** 3  # of what is not black, CIELab's L as luminance
    eyes = np.zeros(spots.shape, np.uint8)
    for eye in (LEFT_EYE, RIGHT_EYE):
        cv2.fillConvexPoly(eyes, np.rint(marks[eye]).astype(np.int32), 1)
    lens = spots & (cv2.dilate(eyes, _NEAR) > 0)
    if not lens.any() or spots.all():
        return False
    skin = np.percentile(luminance[~spots], _SKIN_PERCENT)
    return bool(np.percentile(luminance[lens], _LENS_PERCENT) < _DARK * skin)


def _share_covered(spots: NDArray[np.bool_], eye: NDArray[np.float32]) -> float:
    """Which share of an eye, by its landmarks in the strip, is covered; 1 of one that lies beyond it."""
    inside = np.zeros(spots.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.rint(eye).astype(np.int32), 1)
    return float(spots[inside > 0].mean()) if inside.any() else 1.0


def _surroundings(to_there: Affine, size: int) -> tuple[slice, slice]:
    """Rows and columns of the crop in which the strip lies."""
    corners = np.array([[0, 0, 1], [WIDTH, 0, 1], [WIDTH, HEIGHT, 1], [0, HEIGHT, 1]], np.float64) - (0.5, 0.5, 0)
    at = corners @ inverse(to_there).T
    low = np.clip(np.floor(at.min(0)), 0, size).astype(int)
    high = np.clip(np.ceil(at.max(0)) + 1, 0, size).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _enlarged(plane: NDArray[np.float32], back: Affine, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], warp(plane, back, (shape[1], shape[0])))
