"""Fine detail for pictures that show none: lashes, brows and pores of a person who does not exist.

Where a face was small, or compressed, lashes, the rims of irises and pores are no more than a blur, and brows have no
hairs. They lie where landmarks say, and are much the same in everybody: what is finer than the picture shows is taken
from somebody whose coarser lightness there is most alike, colors and all that is coarser stay. As in A. Hertzmann et
al., Image Analogies, 2001, only that the common frame says which places belong together.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import from_lab, to_lab
from mien_model_morph.appearance import at_brows
from mien_model_morph.bank import BankPerson
from mien_model_morph.expression import LEFT_EYE, RIGHT_EYE
from mien_model_morph.frame import FRAME_PX, frame_points, regions

_EYE_PX, _BROW_PX, _PORE_PX = 3.0, 2.0, 1.5
"""What is finer than these blurs of the frame is taken from somebody else: of eyes, of brows, of skin."""
_EYE_CONTRAST, _BROW_CONTRAST = 1.5, 1.3
"""So many times what the coarser contrast is of theirs, that of the detail becomes: softness weakened it more;"""
_LEAST, _MOST = 0.4, 1.2
"""and the least and the most of theirs."""
_PORE_CONTRAST = 0.9
"""That of pores, in the same light."""
_MOST_OF_A_PORE, _MEDIAN_OF_NORMAL = 2.0, 0.6745
"""What stands out by more standard deviations is a mole, a line, a hair: somebody else's. Half of a normal distribution
lies within so many of them."""
_ALL_SKIN = 0.9
_SHUT, _OPEN = 0.08, 0.2
"""Up to which opening, in widths of the eye, its detail is that of a closed one, and from which of an open one."""
_AROUND_PX, _FEATHER_PX = 8, 4.0
_EYES = ((LEFT_EYE, slice(36, 42), 4), (RIGHT_EYE, slice(42, 48), 5))
"""The parts, their landmarks, and their lids' measure."""
_LIGHTNESS_OF_BLACK = 16.0
"""CIELab's L and this much grow alike with light: L* = 116 · (Y / Yn)^(1/3) − 16."""


class _Eye(NamedTuple):
    """What an eye is given."""

    open: NDArray[np.float32]
    closed: NDArray[np.float32]
    """float32 (256, 256) each: the detail of an open eye and of a closed one, lightness."""
    contrast: float


class FineDetail:
    """What is finer than somebody's pictures show, of whoever of others is most like them there."""

    def __init__(
        self, textures: Sequence[NDArray[np.uint8]], measures: NDArray[np.float64], others: Sequence[BankPerson]
    ) -> None:
        """textures: uint8 (256, 256, 3) each, RGB: somebody's pictures in the common frame, as they were taken.
        measures: float64 (M, 6), by `measures_of`. others: people of whom pictures are sharp, as openpeople's."""
        self._measures = measures
        self._plain = [to_lab(texture) for texture in textures]
        opening = measures[:, 4:6].sum(1)
        rest = self._plain[int(np.abs(opening - np.median(opening)).argmin())][..., 0]
        theirs = [np.ascontiguousarray(other.texture(other.rest)[..., 0]) for other in others]
        soft = [_blurred(each, _EYE_PX) for each in theirs]
        self._eyes = []
        windows = [_around(part) for part, _, _ in _EYES]
        coarse = _blurred(rest, _EYE_PX)
        chosen = _most_alike(coarse, soft, windows)
        # Not of everybody there is a picture with eyes that are shut.
        blinking = [number for number, other in enumerate(others) if _opening_of_shut(other) < _SHUT] or [chosen]
        shut_one = others[blinking[_most_alike(coarse, [soft[number] for number in blinking], windows)]]
        for (part, _, measure), window in zip(_EYES, windows, strict=True):
            shut = _most_shut(shut_one, part, measure)
            self._eyes.append(
                _Eye(
                    _finer(theirs[chosen], _EYE_PX),
                    _finer(np.ascontiguousarray(shut_one.texture(shut)[..., 0]), _EYE_PX),
                    self._contrast(soft[chosen], window, _EYE_CONTRAST),
                )
            )
        brows = _brows()
        like = _most_alike(coarse, soft, [brows])
        hairs = np.float32(self._contrast(soft[like], brows, _BROW_CONTRAST)) * _finer(theirs[like], _BROW_PX)
        skin = _skin()
        like = _most_alike(coarse, soft, [skin])
        light = (_mean(rest, skin) + _LIGHTNESS_OF_BLACK) / (_mean(theirs[like], skin) + _LIGHTNESS_OF_BLACK)
        finer = _finer(theirs[like], _PORE_PX)
        usual = float(np.median(np.abs(finer[skin > _ALL_SKIN]))) / _MEDIAN_OF_NORMAL
        pores = np.clip(finer, -_MOST_OF_A_PORE * usual, _MOST_OF_A_PORE * usual)
        self._added = brows * hairs + skin * np.float32(_PORE_CONTRAST * light) * pores

    def _contrast(self, theirs: NDArray[np.float32], window: NDArray[np.float32], times: float) -> float:
        """How strong somebody's detail is to be here. theirs: their coarser lightness."""
        own = float(np.median([_spread(_blurred(lab[..., 0], _EYE_PX), window) for lab in self._plain]))
        return float(np.clip(times * own / max(_spread(theirs, window), 1e-3), _LEAST, _MOST))

    def added(self, number: int, texture: NDArray[np.uint8], share: float = 1.0) -> NDArray[np.uint8]:
        """One of the pictures with fine detail: uint8 (256, 256, 3), RGB.

        texture: as large, the picture as it is to be elsewhere than at the eyes. share: how much of it, in [0, 1].
        """
        result, plain = to_lab(texture), self._plain[number]
        result[..., 0] += np.float32(share) * self._added
        for eye, (part, _, measure) in zip(self._eyes, _EYES, strict=True):
            opened = np.float32(np.clip((self._measures[number, measure] - _SHUT) / (_OPEN - _SHUT), 0, 1))
            detailed = plain.copy()
            detailed[..., 0] = _blurred(plain[..., 0], _EYE_PX)
            detailed[..., 0] += np.float32(eye.contrast) * (eye.closed + opened * (eye.open - eye.closed))
            result += np.float32(share) * _around(part)[..., None] * (detailed - result)
        return from_lab(result)


def _most_shut(person: BankPerson, part: int, measure: int) -> int:
    """The number of the picture on which an eye is most shut."""
    choices = person.choices[part]
    return int(choices[person.measures[choices, measure].argmin()])


def _opening_of_shut(person: BankPerson) -> float:
    """How far eyes are open, in their widths, on the pictures on which they are most shut: the larger of both."""
    return max(float(person.measures[_most_shut(person, part, measure), measure]) for part, _, measure in _EYES)


def _most_alike(
    wanted: NDArray[np.float32], of: Sequence[NDArray[np.float32]], windows: Sequence[NDArray[np.float32]]
) -> int:
    """Which lightness is most like another one in some windows, but for its mean and its contrast."""

    def difference(other: NDArray[np.float32]) -> float:
        left = 0.0
        for window in windows:
            a, b = wanted - _mean(wanted, window), other - _mean(other, window)
            a2, ab, b2 = (float((product * window).sum()) for product in (a * a, a * b, b * b))
            left += 1 - max(ab, 0.0) ** 2 / max(a2 * b2, 1e-6)
        return left

    return int(np.argmin([difference(other) for other in of]))


def _mean(lightness: NDArray[np.float32], window: NDArray[np.float32]) -> float:
    return float(np.average(lightness, weights=window))


def _spread(lightness: NDArray[np.float32], window: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.average((lightness - _mean(lightness, window)) ** 2, weights=window)))


def _blurred(lightness: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.GaussianBlur(np.ascontiguousarray(lightness), (0, 0), sigma_px))


def _finer(lightness: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return lightness - _blurred(lightness, sigma_px)


@cache
def _around(part: int) -> NDArray[np.float32]:
    """How much of each pixel of the frame is an eye with its lids: float32 (256, 256) in [0, 1]."""
    points = next(frame_points()[points] for eye, points, _ in _EYES if eye == part)
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.round(points).astype(np.int32)), 255)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _AROUND_PX + 1, 2 * _AROUND_PX + 1))
    return _blurred(cv2.dilate(inside, disk).astype(np.float32) / np.float32(255), _FEATHER_PX)


@cache
def _brows() -> NDArray[np.float32]:
    """How much of each pixel of the frame is brow: float32 (256, 256) in [0, 1]."""
    brows = at_brows()
    for part, _, _ in _EYES:
        brows = brows * (1 - _around(part))
    return brows


@cache
def _skin() -> NDArray[np.float32]:
    """How much of each pixel of the frame is skin beside eyes and brows: float32 (256, 256) in [0, 1]."""
    skin = _blurred(regions()[..., 0], 2.0) * (1 - _brows())
    for part, _, _ in _EYES:
        skin = skin * (1 - _around(part))
    return skin
