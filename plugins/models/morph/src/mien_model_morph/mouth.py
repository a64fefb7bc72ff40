"""The inside of a mouth that somebody's own pictures do not show: that of a person who does not exist."""

from collections.abc import Sequence
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.bank import BankPerson, usual_at_rest
from mien_model_morph.expression import INSIDE, MOUTH, at_rest, distances, shares
from mien_model_morph.frame import FRAME_PX, frame_points, regions

_FROM, _ALONE = 0.4, 0.7
"""The other's is shown from where (own − other) / (own + 1) is so large, and alone from where it is so large: own and
other are how far the nearest pictures are from what is wanted, squared, in widths of the measures."""
_CENTERED = [1, 2]
"""Measures of a mouth that say as much of who somebody is as of what they do: its width and its lift."""
_WHITEST, _WHITE_PERCENT = 1.9, 90
"""How much lighter than the skin around the mouth the lightest of what is inside may be, linear. Those of the demo's
two men are at 1.7 and 1.9; those of openpeople's ten, by a studio and a retoucher, at 1.7 to 3.9."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of linear red, green and blue: ITU-R BT.709."""
_AROUND_PX = 14
_LIPS = slice(48, 60)
_INNER_LIPS = slice(60, 68)
_FEATHER_PX = 1.2


class InnerMouth:
    """What is seen between the lips of somebody as they open them in a way that none of their pictures shows.

    It is that of one of others whose mouth at rest is most like theirs, and always of the same one: teeth of several,
    added up, are none.
    """

    def __init__(self, person: BankPerson, others: Sequence[BankPerson]) -> None:
        """person: somebody known. others: people of whom pictures show open mouths, as openpeople's."""
        usual = usual_at_rest()
        self._own = person.measures[person.choices[MOUTH]]
        mouths = np.stack([_placed(other.shape) for other in others])
        self._other = others[int(np.square(mouths - _placed(person.shape)).sum((1, 2)).argmin())]
        self._choices = self._other.choices[MOUTH]
        self._from_rest = (at_rest(self._other.measures, usual) - at_rest(person.measures, usual))[_CENTERED]

    def set_into(self, texture: NDArray[np.float32], wanted: NDArray[np.float64]) -> None:
        """Draw it as far as it is needed; in place, and continuous in what is wanted.

        texture: float32 (256, 256, 3), CIELab, the person's face in the common frame. wanted: float64 (6,), by
        `measures_of`, what this person's face measures.
        """
        of = self._other.measures[self._choices]
        others = wanted.copy()
        others[_CENTERED] += self._from_rest
        own_distance = distances(wanted, self._own, INSIDE).min()
        nearer = (own_distance - distances(others, of, INSIDE).min()) / (own_distance + 1)
        share = np.float32(np.clip((nearer - _FROM) / (_ALONE - _FROM), 0, 1))
        if not share:
            return
        (rows, columns), inside, skin = _region()
        mixed = np.zeros((*inside.shape[:2], 3), np.float32)
        theirs = np.zeros(3)
        parts = shares(others, of, INSIDE)
        for number in np.flatnonzero(parts):
            picture = self._other.texture(int(self._choices[number]))[rows, columns]
            mixed += np.float32(parts[number]) * picture
            theirs += parts[number] * np.average(picture.reshape(-1, 3), axis=0, weights=skin)
        region = texture[rows, columns]
        around = np.maximum(_linear(theirs), 1e-3)
        linear = cv2.cvtColor(mixed, cv2.COLOR_LAB2LRGB)
        whitest = float(np.percentile((linear @ _LUMINANCE)[inside[..., 0] > 0.9], _WHITE_PERCENT))
        shade = min(1.0, _WHITEST * float(around @ _LUMINANCE) / max(whitest, 1e-3))
        own = _linear(np.average(region.reshape(-1, 3), axis=0, weights=skin))
        lit = linear * (shade * own / around)
        lab = cv2.cvtColor(np.clip(lit, 0, 1).astype(np.float32), cv2.COLOR_LRGB2LAB)
        region += share * inside * (lab - region)


def _placed(frontal: NDArray[np.float64]) -> NDArray[np.float64]:
    lips: NDArray[np.float64] = frontal[_LIPS] - frontal[_LIPS].mean(0)
    return lips


def _linear(lab: NDArray[np.float64]) -> NDArray[np.float32]:
    """A color, CIELab, in linear red, green and blue: float32 (3,)."""
    return cast(NDArray[np.float32], cv2.cvtColor(lab.astype(np.float32)[None, None], cv2.COLOR_LAB2LRGB)[0, 0])


@cache
def _region() -> tuple[tuple[slice, slice], NDArray[np.float32], NDArray[np.float32]]:
    """Rows and columns of the mouth in the frame and the skin around it; how much of each pixel is between the lips,
    float32 (h, w, 1); how much is skin, float32 (h · w,)."""
    points = frame_points()
    low = np.floor(points[_LIPS].min(0)).astype(int) - _AROUND_PX
    high = np.ceil(points[_LIPS].max(0)).astype(int) + _AROUND_PX
    where = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillPoly(inside, [np.round(points[_INNER_LIPS]).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(inside.astype(np.float32) / np.float32(255), (0, 0), _FEATHER_PX)
    return where, np.ascontiguousarray(soft[where][..., None]), np.ascontiguousarray(regions()[where][..., 0]).ravel()
