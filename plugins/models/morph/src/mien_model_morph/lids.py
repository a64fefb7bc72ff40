"""Lids that close as none of somebody's own pictures shows: with the skin and the lashes of people who do not exist."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.bank import BankPerson
from mien_model_morph.expression import LEFT_EYE, LID_MEASURES, RIGHT_EYE
from mien_model_morph.frame import frame_points

_CLOSED = 0.1
"""Lids that are no farther apart, in widths of the eye, are closed: landmarks of closed lids hardly ever meet."""
_FROM, _ALONE = 0.85, 0.5
"""The others' skin is drawn from where the eye is wanted so far open, of how far it is open in the picture of the
person's in which it is least open, and alone from where it is wanted so far open."""
_HANG_FROM, _HANG_ALONE = 0.12, 0.05
"""Likewise the lashes on the cheek, in widths of the eye."""
_LINE, _LINE_FADES = 0.04, 0.4
"""How high the upper lid's line of lashes is, in widths of the eye, and how softly it ends, in heights of the opening:
lids that are drawn so far open meet."""
_MEET_FROM = 0.12
"""From where on drawn lids close further than the driving ones, in widths of the eye."""
_COVERED = 0.6
"""How far the lid that comes down covers the eye, which does not become flatter, as an exponent of how far it is
open."""
_BROW_HEIGHT, _LID_HEIGHT = 0.2, 0.08
"""How high an open eye's skin is from lid to brow, and how far the upper lid moves, in distances between the eyes."""
_STAYS = 0.35
"""How far skin and crease above the lid stay where they are, and are not stretched with it."""
_LASHES, _FADES = 0.12, 0.25
"""How high lashes and the edge of the lid are on what an open eye shows above it, and how softly the others' skin ends,
in heights from lid to brow."""
_OF_AN_OPEN_EYE, _PALEST = 1.2, 0.65
"""By how much more lashes of closed lids differ from the skin than those of open ones, which are seen from their ends;
and how much of their contrast the others' keep at least where the person's are paler."""
_HANG_PX, _CORNER_PX, _FEATHER_PX = (7.0, 12.0), 6.0, 1.0
"""In the frame: down to where lashes hang on the cheek, for certain and at most; how far beside the corners of an eye
its skin may be the others'; the blur of the edges."""
_SIDE = 48
"""An eye is drawn in a square of the frame of this side, pixels."""
_OUTLIER, _ROUNDS = 8.0, 3
"""What differs from the light on the skin by more, in CIELab, as a brow or the rim of glasses does, counts as if it
differed by so much; in so many rounds."""
_DARKER = 2.0
"""What is darker than the skin by so much, in CIELab's L, counts as lashes where lashes are."""
_LEAST_LIGHT = 1e-3
"""In linear RGB."""


class ClosedEyes:
    """What closed eyes look like beside the skin around them: the mean of people who have them closed."""

    def __init__(self, people: Callable[[], Iterable[BankPerson]]) -> None:
        """people: gives people, as openpeople's, at least one of whom closes both eyes in a picture. It is asked once,
        when an eye is first wanted, and what it gives is not kept."""
        self._people = people
        self._ratios: list[NDArray[np.float32]] = []

    def beside_skin(self, eye: int) -> NDArray[np.float32]:
        """By how much a closed eye is lighter than skin in that place would be, float32 (48, 48, 3), linear RGB.

        eye: 0 for the left one in the image, 1 for the right one.
        """
        if not self._ratios:
            people, logarithms = list(self._people()), []
            while people:  # whose pictures are large
                texture = _closed_of(people.pop())
                if texture is not None:
                    logarithms.append([_beside_skin(texture, _eye(number)) for number in (0, 1)])
            self._ratios = list(np.exp(np.mean(logarithms, axis=0)))
        return self._ratios[eye]


def _closed_of(person: BankPerson) -> NDArray[np.float32] | None:
    """A person's face in the common frame with both eyes closed, where a picture shows it."""
    choices = person.choices[LEFT_EYE]
    widest = person.measures[choices][:, LID_MEASURES].max(1)
    return person.texture(int(choices[widest.argmin()])) if widest.min() < _CLOSED else None


def _beside_skin(texture: NDArray[np.float32], at: "_Eye") -> NDArray[np.float32]:
    """The logarithm of by how much an eye and what is around it are lighter than the skin: float32 (48, 48, 3)."""
    picture = texture[at.rows, at.columns]
    return np.asarray(np.log(_linear(picture) / _linear(at.skin_if_closed.light(picture))))


class Lids:
    """The lids of somebody as they close, each for itself, in a way that none of their pictures shows.

    Their skin and their lashes are those of people who have their eyes closed, in the light and the color of the
    person's own skin around the eye, with lashes about as dark as theirs. The skin below the brow stays their own.
    """

    def __init__(self, person: BankPerson, closed_eyes: ClosedEyes) -> None:
        """person: somebody known. closed_eyes: other people's."""
        self._closed_eyes = closed_eyes
        self._least = [
            float(person.measures[person.choices[part], measure].min())
            for part, measure in zip((LEFT_EYE, RIGHT_EYE), LID_MEASURES, strict=True)
        ]

    def opening(self, eye: int, wanted: float) -> float:
        """How far an eye is to be drawn open, in widths of the eye, when so much is wanted.

        Lids of which no picture shows that they close meet before landmarks do, which hardly ever do, and are never
        farther closed than their line of lashes is high. eye: 0 for the left one in the image, 1 for the right one.
        """
        if self._shown(eye) or wanted >= _MEET_FROM:
            return wanted
        return _LINE + max(wanted - _LINE, 0.0) * float(_ramp(wanted, _LINE, _MEET_FROM))

    def set_into(self, texture: NDArray[np.float32], wanted: NDArray[np.float64]) -> None:
        """Draw them as far as they are needed; in place, and continuous in what is wanted.

        texture: float32 (256, 256, 3), CIELab, the person's face in the common frame. wanted: float64 (6,), by
        `measures_of`, what this person's face measures.
        """
        for eye, measure in enumerate(LID_MEASURES):
            if not self._shown(eye):
                self._close(texture, eye, float(wanted[measure]))

    def _shown(self, eye: int) -> bool:
        """Whether a picture of the person's shows this eye closed."""
        return self._least[eye] < _CLOSED

    def _close(self, texture: NDArray[np.float32], eye: int, wanted: float) -> None:
        is_open = wanted / (_FROM * self._least[eye])
        if is_open >= 1:
            return
        at = _eye(eye)
        region = texture[at.rows, at.columns]
        field = at.skin.light(region)
        closed = self._closed(eye, field, _darkness(region, field, at.edge))
        # Of what is above the lid so much has come out of the fold.
        new = at.across * _LID_HEIGHT * (1 - is_open)
        new = new / (_BROW_HEIGHT + new)
        moved = cv2.remap(
            region, at.x, at.y + _moved(at, new, is_open), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        region += at.whole * (moved - region)
        drawn = self.opening(eye, wanted)
        skin = _ramp((new + _LASHES + _FADES - at.above) / _FADES)
        line = _ramp((_LINE / max(drawn, 1e-3) + 0.5 * _LINE_FADES - at.below) / _LINE_FADES)
        hanging = at.beneath * _ramp(wanted, _HANG_FROM, _HANG_ALONE)
        share = at.beside * np.where(at.above >= 0, skin, np.where(at.below <= 1, line, hanging))
        share = _ramp(is_open, 1.0, _ALONE / _FROM) * cv2.GaussianBlur(share, (0, 0), _FEATHER_PX)
        region += share.astype(np.float32)[..., None] * (closed - region)

    def _closed(self, eye: int, field: NDArray[np.float32], lashes: float) -> NDArray[np.float32]:
        """A closed eye on skin in such a light, float32 (48, 48, 3), CIELab, whose lashes are about no darker than so
        much."""
        at = _eye(eye)
        lit = np.clip(self._closed_eyes.beside_skin(eye) * _linear(field), 0, 1)
        closed = cast(NDArray[np.float32], cv2.cvtColor(lit, cv2.COLOR_LRGB2LAB))
        paler = min(max(_OF_AN_OPEN_EYE * lashes / max(_darkness(closed, field, at.line), 1.0), _PALEST), 1.0)
        off = closed - field
        is_darker = _ramp(-off[..., :1], 0.0, _DARKER)
        closed += np.float32(paler - 1) * at.lashes[..., None] * is_darker * off
        return closed


class _Skin:
    """Where around an eye the light on the skin is seen: lightness as a polynomial of second order, color as a plane.

    It is `light.Light` for places that are always the same, so that it takes a tenth of the time.
    """

    def __init__(self, weight: NDArray[np.float64]) -> None:
        """weight: (48, 48), how much each pixel is skin."""
        line = np.linspace(-1, 1, _SIDE)
        y, x = (axis.reshape(-1) for axis in np.meshgrid(line, line, indexing="ij"))
        self._terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float32)
        self._seen = np.flatnonzero(weight.reshape(-1) > 0)
        root = np.sqrt(weight.reshape(-1)[self._seen, None])
        seen = self._terms[self._seen]
        self._solves = [
            (seen[:, :count], (np.linalg.pinv(root * seen[:, :count]) * root.T).astype(np.float32)) for count in (6, 3)
        ]

    def light(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        """The skin without what is on it, nowhere lighter, darker or of another color than skin is: float32
        (48, 48, 3), CIELab. lab: as large."""
        values = lab.reshape(-1, 3)[self._seen]
        field = np.empty((_SIDE * _SIDE, 3), np.float32)
        for (seen, solve), channels in zip(self._solves, (slice(0, 1), slice(1, 3)), strict=True):
            of = values[:, channels]
            smooth = seen @ (solve @ of)
            for _ in range(_ROUNDS):
                factors = solve @ (smooth + np.clip(of - smooth, -_OUTLIER, _OUTLIER))
                smooth = seen @ factors
            everywhere = self._terms[:, : seen.shape[1]] @ factors
            field[:, channels] = np.clip(everywhere, smooth.min(0), smooth.max(0))
        return field.reshape(lab.shape)


class _Eye(NamedTuple):
    """An eye and what is around it in the frame; each float32 (48, 48), if not said otherwise."""

    rows: slice
    columns: slice
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    """Columns and rows, from 0."""
    above: NDArray[np.float32]
    """How far above the upper lid, in heights from there to the brow;"""
    height: NDArray[np.float32]
    """and these, in pixels."""
    below: NDArray[np.float32]
    """How far below the upper lid, in heights of the opening;"""
    opening: NDArray[np.float32]
    """and these, in pixels."""
    across: NDArray[np.float32]
    """How far the upper lid moves, from 0 at the corners to 1."""
    beside: NDArray[np.float32]
    """1 from corner to corner, 0 farther beside the eye."""
    beneath: NDArray[np.float32]
    """1 just below the lower lid, 0 farther down."""
    whole: NDArray[np.float32]
    """(48, 48, 1): 1, but 0 at the borders."""
    skin: "_Skin"
    skin_if_closed: "_Skin"
    """Below the brow and on the cheek: what is skin for certain around an open eye and around a closed one."""
    edge: NDArray[np.bool_]
    line: NDArray[np.bool_]
    """bool (48, 48): where an open eye's upper lashes begin, and where a closed one's are."""
    lashes: NDArray[np.float32]
    """1 where a closed eye has lashes, 0 on the skin above."""


@cache
def _eye(eye: int) -> _Eye:
    """An eye in the frame: 0 for the left one in the image, 1 for the right one."""
    points = frame_points()
    first = 36 + 6 * eye
    left, upper, upper2, right, lower2, lower = points[first : first + 6]
    brow = points[17 + 5 * eye : 22 + 5 * eye]
    middle = points[first : first + 6].mean(0)
    row, column = round(float(middle[1])) - 2 - _SIDE // 2, round(float(middle[0])) - _SIDE // 2
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    line = x[0] + column

    def along(*edge: NDArray[np.float64]) -> NDArray[np.float64]:
        at = np.array(edge)
        return np.asarray(np.interp(line, at[:, 0], at[:, 1]))

    def everywhere(values: NDArray[Any]) -> NDArray[np.float32]:
        return np.broadcast_to(values, y.shape).astype(np.float32)

    top, bottom = along(left, upper, upper2, right), along(left, lower, lower2, right)
    height, opening = top - along(*brow), np.maximum(bottom - top, 0.5)
    above, below = (top - (y + row)) / height, ((y + row) - top) / opening
    under = (y + row) - bottom
    outside = np.maximum(np.maximum(left[0] - line, line - right[0]), 0)
    inwards = np.minimum(np.minimum(x, _SIDE - 1 - x), np.minimum(y, _SIDE - 1 - y))
    near = np.clip(1.5 - outside / 8, 0, 1)
    central = (line > upper[0]) & (line < upper2[0])
    return _Eye(
        rows=slice(row, row + _SIDE),
        columns=slice(column, column + _SIDE),
        x=x,
        y=y,
        above=above.astype(np.float32),
        height=everywhere(height),
        below=below.astype(np.float32),
        opening=everywhere(opening),
        across=everywhere(np.interp(line, [left[0], upper[0], upper2[0], right[0]], [0, 1, 1, 0])),
        beside=everywhere(_ramp(1 - outside / _CORNER_PX)),
        beneath=_ramp(under, _HANG_PX[1], _HANG_PX[0]).astype(np.float32),
        whole=np.clip(inwards / 4, 0, 1)[..., None].astype(np.float32),
        skin=_Skin(near * (((above > 0.2) & (above < 0.45)) | (under > 8))),
        skin_if_closed=_Skin(near * (((above > 0.2) & (above < 0.5)) | (under > 11))),
        edge=central & (above < 0.15) & (below < 0.25),
        line=central & (above < 0.15) & (under < 4),
        lashes=_ramp(above, 0.2, 0.05).astype(np.float32),
    )


def _moved(at: _Eye, new: NDArray[np.float32], is_open: float) -> NDArray[np.float32]:
    """How many rows farther down each pixel of an eye comes from as its lids close: float32 (48, 48).

    new: how much of the height from lid to brow has come out of the fold. is_open: from 1, open, to 0.
    """
    stays = np.maximum(1 - (1 - at.above) / (1 - _STAYS * new), 0)
    above = np.where(at.above < 1, at.height * (at.above - stays), 0)
    cover = at.opening * (1 - at.below) * at.across * np.float32(1 - is_open**_COVERED)
    return np.where(at.above > 0, above, np.where(at.below <= 1, cover, 0)).astype(np.float32)


def _darkness(lab: NDArray[np.float32], field: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """By how much the darkest of each column is darker than the skin, in CIELab's L, in the mean."""
    darker = np.where(where, field[..., 0] - lab[..., 0], 0).max(0)
    return float(darker[where.any(0)].mean())


def _ramp(values: NDArray[Any] | float, none: float = 0.0, full: float = 1.0) -> NDArray[np.float32]:
    """0 up to one value, 1 from another one on, smooth between; they may stand either way round."""
    share = np.clip((np.asarray(values, np.float32) - none) / (full - none), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _linear(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIELab as linear RGB, never black."""
    return np.maximum(cast(NDArray[np.float32], cv2.cvtColor(lab, cv2.COLOR_LAB2LRGB)), np.float32(_LEAST_LIGHT))
