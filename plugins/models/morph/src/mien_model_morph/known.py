"""A person whom photographs show: the texture of those that do the same, in that person's own shape."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien_model_morph.bank import BankPerson, usual_at_rest
from mien_model_morph.expression import (
    BROWS,
    LEFT_EYE,
    LID_MEASURES,
    MOUTH,
    RIGHT_EYE,
    SKIN,
    at_rest,
    distances,
    kernel,
    measures_of,
)
from mien_model_morph.frame import Pose
from mien_model_morph.lids import Lids
from mien_model_morph.mouth import InnerMouth
from mien_model_morph.person import OPENINGS, mixed_texture

_CENTERED = [1, 2, 3]
"""Measures that say as much of who somebody is as of what they do: width and lift of the mouth, height of the brows.
They are compared by how far they are from what they are at rest, and lids by how much of that."""
_RIGID = [*range(5), *range(12, 17), *range(27, 36), 36, 39, 42, 45]
"""Jaw beside the ears, nose and corners of the eyes."""
_ALIKE, _STRANGER = 0.008, 0.02
"""By how much the rigid points of one person's faces differ, and from what distance on a face is rather a stranger's:
root mean squares, in distances between the eyes. Of one person they were .003 and .010, of others .021 and more."""
_BROWS, _NOSE = (slice(17, 22), slice(22, 27)), slice(27, 36)
_MOUTH = slice(48, 68)
_MIRRORED = [6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17]
"""Of each point of the mouth the one on the other side."""
_LIDS = (((37, 41), (38, 40), (36, 39), 4), ((43, 47), (44, 46), (42, 45), 5))
"""Of each eye the lids' points, upper above lower, its corners, and its measure."""
_NEAR, _FAR = 4.0, 6.0
"""Up to what distance a picture shows a mouth that is wanted, and how much farther it says hardly anything of it:
squared, in widths of the measures."""
_SOFTER = 2.0
"""By how much wider the kernel of shapes is than that of textures: shapes that are averaged are not blurred."""
_LIPS = ((61, 67), (62, 66), (63, 65))
_UPPER = [49, 50, 51, 52, 53, 61, 62, 63]
_LOWER = [55, 56, 57, 58, 59, 65, 66, 67]


class Drivers:
    """What the face of whoever drives measures at rest, as far as it can be told from a single image.

    Whether a mouth is wide or smiles a landmark does not say, but the shape of the bones does not change: of somebody
    whom the bank knows it says what they do at rest, of anybody else that it is what most people do.
    """

    def __init__(self, bank: Sequence[BankPerson]) -> None:
        self._bones = np.stack([_bones(person.frontal).mean(0) for person in bank])
        usual = usual_at_rest()
        self._at_rest = np.stack([usual, *(at_rest(person.measures, usual) for person in bank)])

    def at_rest(self, frontal: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 (6,), by `measures_of`. frontal: (68, 2), the face that drives. Continuous."""
        distances = np.sqrt(((self._bones - _bones(frontal[None])) ** 2).sum(2).mean(1))
        distances = np.concatenate([[_STRANGER], distances]) / _ALIKE
        weights = np.exp(-0.5 * (distances**2 - (distances**2).min()))
        at_rest: NDArray[np.float64] = np.average(self._at_rest, axis=0, weights=weights)
        return at_rest


def _bones(frontal: NDArray[np.float64]) -> NDArray[np.float64]:
    points = frontal[:, _RIGID]
    bones: NDArray[np.float64] = points - points.mean(1, keepdims=True)
    return bones


class KnownPerson:
    """Somebody by the pictures that a bank has of them."""

    def __init__(
        self,
        person: BankPerson,
        drivers: Drivers,
        inner_mouth: InnerMouth | None = None,
        lids: Lids | None = None,
    ) -> None:
        """inner_mouth: what is seen between their lips where none of their pictures shows it; None: what is nearest.
        lids: their lids where they close as none of the pictures shows, likewise."""
        self._person = person
        self._inner_mouth = inner_mouth
        self._lids = lids
        self._drivers = drivers
        self._at_rest = at_rest(person.measures, usual_at_rest())
        self._rest_opening = person.rest_opening

    def points(self, landmarks: NDArray[np.float64], frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
        """Where this person's landmarks lie as they do what a face does: float64 (68, 2), in its pixels.

        landmarks: (68, 2), the face's. frontal: the same from the front. The outline of the jaw stays the face's.
        """
        wanted, angles = self._wanted(frontal), pose.angles()
        person = self._person
        shape = np.zeros((68, 2))
        for part, groups in (
            (SKIN, (_NOSE,)),
            (BROWS, _BROWS),
            (LEFT_EYE, (slice(36, 42),)),
            (RIGHT_EYE, (slice(42, 48),)),
            (MOUTH, (_MOUTH,)),
        ):
            choices, shares = self._shares(wanted, angles, part, _SOFTER)
            mean = np.tensordot(shares, person.frontal[choices], 1)
            for group in groups:
                shape[group] = mean[group]
        # A mouth that does what none of the pictures shows is rather shaped as the driving one is.
        lips = frontal[_MOUTH] - frontal[_MOUTH].mean(0) + shape[_MOUTH].mean(0)
        shape[_MOUTH] += (1 - self._shown(wanted)) * (lips - shape[_MOUTH])
        _do(shape, frontal, wanted, self._rest_opening, self._lids)
        shape[:17] = frontal[:17]
        moved = (shape - frontal)[17:]
        result = landmarks.copy()
        result[17:] += pose.scale * moved @ pose.turn[:2, :2].T
        return result

    def texture(self, frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float32]:
        """Their face in the common frame, as it does what a face seen from the front does, turned as the face is:
        float32 (256, 256, 3), CIELab."""
        wanted, angles = self._wanted(frontal), pose.angles()
        person = self._person

        def of_part(part: int) -> list[tuple[NDArray[np.float32], float]]:
            choices, shares = self._shares(wanted, angles, part)
            return [(person.texture(int(choices[n])), float(shares[n])) for n in np.flatnonzero(shares)]

        skin = of_part(SKIN)
        # Brows have pictures of their own, for those of a mouth that does the same show brows that did something else.
        texture = mixed_texture(skin, [share for _, share in skin], of_part, (BROWS, *OPENINGS))
        if self._inner_mouth is not None:
            self._inner_mouth.set_into(texture, wanted)
        if self._lids is not None:
            self._lids.set_into(texture, wanted)
        return texture

    def _shares(
        self, wanted: NDArray[np.float64], angles: NDArray[np.float64], part: int, softness: float = 1.0
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The pictures that a part may come from, and their shares; sum 1."""
        person = self._person
        choices = person.choices[part]
        of, quality = person.measures[choices], person.quality[choices]
        return choices, kernel(wanted, of, angles, person.angles[choices], quality, part, softness)

    def _shown(self, wanted: NDArray[np.float64]) -> float:
        """How much the pictures say of a mouth that does what is wanted, in [0, 1]."""
        of = self._person.measures[self._person.choices[MOUTH]]
        too_far = max(float(distances(wanted, of, MOUTH).min()) - _NEAR, 0.0)
        return float(np.exp(-0.5 * too_far / _FAR))

    def _wanted(self, frontal: NDArray[np.float64]) -> NDArray[np.float64]:
        """What this person's face measures when it does what the driving one does."""
        measured, theirs = measures_of(frontal[None])[0], self._drivers.at_rest(frontal)
        wanted: NDArray[np.float64] = measured.copy()
        wanted[_CENTERED] += (self._at_rest - theirs)[_CENTERED]
        wanted[LID_MEASURES] *= (self._at_rest / np.maximum(theirs, 1e-3))[LID_MEASURES]
        return wanted


def _do(
    shape: NDArray[np.float64],
    frontal: NDArray[np.float64],
    wanted: NDArray[np.float64],
    rest_opening: float,
    lids: Lids | None,
) -> None:
    """Bring a shape the rest of the way to what is wanted: lids and lips as far open as the driving face's, corners
    and brows where the measures say, and the mouth as lopsided as the driving face's; in place. lids: if they are not
    their own, how far they are open when they close."""
    driving = measures_of(frontal[None])[0]
    for number, (first, second, corners, measure) in enumerate(_LIDS):
        own = float(np.hypot(*(shape[corners[1]] - shape[corners[0]])))
        theirs = max(float(np.hypot(*(frontal[corners[1]] - frontal[corners[0]]))), 1e-3)
        wider = wanted[measure] / max(driving[measure], 1e-3) * own / theirs
        added = 0.0
        if lids is not None:
            added = own * (lids.opening(number, float(wanted[measure])) - float(wanted[measure]))
        for up, low in (first, second):
            more = (frontal[low, 1] - frontal[up, 1]) * wider + added - (shape[low, 1] - shape[up, 1])
            shape[up, 1] -= 0.8 * more  # mostly the upper lid moves
            shape[low, 1] += 0.2 * more
    has = measures_of(shape[None])[0]
    middle = float(shape[[51, 57], 0].mean())
    half = max((shape[54, 0] - shape[48, 0]) / 2, 1e-3)
    across = np.clip((shape[_MOUTH, 0] - middle) / half, -1, 1)
    shape[_MOUTH, 0] += across * (wanted[1] - has[1]) / 2
    shape[_MOUTH, 1] -= np.abs(across) * (wanted[2] - has[2])
    opening = float(np.mean([frontal[low, 1] - frontal[up, 1] for up, low in _LIPS]))
    own_opening = float(np.mean([shape[low, 1] - shape[up, 1] for up, low in _LIPS]))
    more = max(opening, 0.0) + rest_opening - own_opening
    narrowing = np.sqrt(np.clip(1 - across**2, 0, 1))
    upper, lower = np.array(_UPPER), np.array(_LOWER)
    shape[upper, 1] -= 0.2 * more * narrowing[upper - 48]
    shape[lower, 1] += 0.8 * more * narrowing[lower - 48]
    shape[_MOUTH] += _lopsided(frontal) - _lopsided(shape)
    offset = float(wanted[3] - driving[3])
    for brow, eye in zip(_BROWS, (slice(36, 42), slice(42, 48)), strict=True):
        height = float(shape[eye, 1].mean() - shape[brow, 1].mean())
        theirs = float(frontal[eye, 1].mean() - frontal[brow, 1].mean())
        shape[brow, 1] -= theirs + offset - height
        x = shape[brow, 0] - shape[brow, 0].mean()
        shape[brow, 1] += x * (_slope(frontal[brow]) - _slope(shape[brow]))


def _lopsided(frontal: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much a mouth differs from what is the same left and right: float64 (20, 2). frontal: (68, 2)."""
    mouth = frontal[_MOUTH] - [frontal[36:48, 0].mean(), 0.0]
    lopsided: NDArray[np.float64] = (mouth - mouth[_MIRRORED] * [-1, 1]) / 2
    return lopsided


def _slope(points: NDArray[np.float64]) -> float:
    x = points[:, 0] - points[:, 0].mean()
    return float((x * points[:, 1]).sum() / max(float((x**2).sum()), 1e-6))
