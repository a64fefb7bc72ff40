"""A person who does not exist: a fixed mixture of people of a bank, in shape and in texture."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien_model_morph.appearance import appearance
from mien_model_morph.bank import BankPerson
from mien_model_morph.expression import BROWS, LEFT_EYE, MOUTH, RIGHT_EYE, SKIN, measures_of, shares
from mien_model_morph.frame import FRAME_PX, Pose, frame_points

LARGEST_SHARE = 0.3
"""No person of the bank has more of the mixture, before it is exaggerated."""
_UNEVEN = 0.9
"""How far the shares are from equal ones, before they are bounded: the width of their logarithms."""
_GROUPS = (
    (slice(17, 22), 1.0),  # left brow
    (slice(22, 27), 1.0),
    (slice(27, 36), 1.0),  # nose
    (slice(36, 42), 1.0),  # left eye
    (slice(42, 48), 1.0),
    (slice(48, 68), 1.0),  # mouth
)
_FEATHER_PX = 5.0
_FINE_PX, _RESTORED = 2.5, 0.4
"""Up to which size detail is fine, in the frame, and how much of what is lost comes back."""
OPENINGS = LEFT_EYE, RIGHT_EYE, MOUTH
"""Parts that open and close."""
_SKIN_AT_REST = 0.65
"""How much of the skin is that of the face at rest, whatever it does. Folds of several people's smiles, added up, make
somebody older and somebody else of whom they are drawn for."""


def mixture(number: int, people: int, count: int) -> dict[int, float]:
    """The shares that people of a bank have of a synthetic person: `count` of them, by their place in the bank; sum 1.

    number: of the synthetic person, in [0, 2⁶³). people: how many the bank has, at least `count`. No share is larger
    than `LARGEST_SHARE`, or than 1 / count where that is more.
    """
    random = np.random.Generator(np.random.Philox(key=number))
    chosen = random.choice(people, count, replace=False)
    weights = np.exp(_UNEVEN * random.standard_normal(count))
    weights /= weights.sum()
    largest = max(LARGEST_SHARE, 1 / count)
    # What one has too much goes to the others, so that the next may have too much: not more often than there are.
    for _ in range(count):
        over = weights > largest
        free = ~over & (weights < largest)
        if not over.any() or not free.any():
            break
        spare = (weights[over] - largest).sum()
        weights[over] = largest
        weights[free] *= 1 + spare / weights[free].sum()
    return {int(person): float(weight) for person, weight in zip(chosen, weights / weights.sum(), strict=True)}


class SyntheticPerson:
    """Somebody who does not exist, by the shares of the bank's people. Made by `exaggerated` or `with_looks`."""

    def __init__(
        self,
        parts: Sequence[tuple[BankPerson, float]],
        difference: NDArray[np.float64],
        added: NDArray[np.float32],
    ) -> None:
        """parts: people of the bank, with their shares. difference, added: the attributes."""
        self._parts = parts
        self._at_rest = _mixed_at_rest(parts)
        self.difference = difference
        """float64 (68, 2): by how much the features are moved, in distances between the eyes."""
        self.added = added
        """float32 (256, 256, 3), CIELab: what is added to the mixture, whatever the face does."""

    @classmethod
    def exaggerated(
        cls, bank: Sequence[BankPerson], weights: dict[int, float], exaggeration: float, moved: float
    ) -> "SyntheticPerson":
        """A mixture moved away from the mean of the bank.

        exaggeration: the texture is that mean plus so many times what the mixture differs from it by. moved: by how
        much of that difference the features lie elsewhere than those of the face that is drawn over.
        """
        parts = _parts(bank, weights)
        everybody = np.mean([person.shape for person in bank], axis=0)
        at_rest = sum((person.texture(person.rest) / np.float32(len(bank)) for person in bank), _nothing())
        added = np.float32(exaggeration - 1) * (_mixed_at_rest(parts) - at_rest) * _without_openings()
        return cls(parts, moved * _by_feature(_mixed_shape(parts) - everybody, everybody), added)

    @classmethod
    def with_looks(
        cls,
        bank: Sequence[BankPerson],
        weights: dict[int, float],
        number: int,
        strength: float,
        *,
        lightness: float,
        moved: float,
    ) -> "SyntheticPerson":
        """A mixture moved to looks of its own: see `Appearance.moved`.

        moved: how far the features are moved for it, 1: as far as `strength` says.
        """
        parts = _parts(bank, weights)
        added, difference = appearance().moved(number, _mixed_at_rest(parts), strength, lightness)
        return cls(parts, moved * _by_feature(difference, np.mean([person.shape for person in bank], axis=0)), added)

    def points(self, landmarks: NDArray[np.float64], frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
        """Where this person's landmarks lie as they do what a face does: float64 (68, 2), in its pixels.

        landmarks: (68, 2), the face's. frontal: the same from the front. The outline of the jaw stays the face's.
        """
        return landmarks + pose.scale * self.difference @ pose.turn[:2, :2].T

    def texture(self, frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float32]:
        """The face in the common frame as it does what a face seen from the front does: float32 (256, 256, 3), CIELab.

        frontal: (68, 2), in distances between the eyes. pose: that of the face; the bank looks to the front.
        """
        wanted = measures_of(frontal[None])[0]
        skin = [(texture, (1 - _SKIN_AT_REST) * share) for texture, share in self._textures(wanted, SKIN)]
        shares = [*(_SKIN_AT_REST * weight for _, weight in self._parts), *(share for _, share in skin)]
        skin.append((self._at_rest, _SKIN_AT_REST))
        return mixed_texture(skin, shares, lambda part: self._textures(wanted, part)) + self.added

    def _textures(self, wanted: NDArray[np.float64], part: int) -> list[tuple[NDArray[np.float32], float]]:
        """Pictures in the common frame that a part of the face is mixed of, with their shares; sum 1."""
        result: list[tuple[NDArray[np.float32], float]] = []
        for person, weight in self._parts:
            choices = person.choices[part]
            of_person = shares(wanted, person.measures[choices], part)
            result += [
                (person.texture(int(choices[n])), weight * float(of_person[n])) for n in np.flatnonzero(of_person)
            ]
        return result


def _parts(bank: Sequence[BankPerson], weights: dict[int, float]) -> list[tuple[BankPerson, float]]:
    return [(bank[person], weight) for person, weight in sorted(weights.items())]


def _mixed_shape(parts: Sequence[tuple[BankPerson, float]]) -> NDArray[np.float64]:
    return np.asarray(sum((weight * person.shape for person, weight in parts), np.zeros((68, 2))))


def _mixed_at_rest(parts: Sequence[tuple[BankPerson, float]]) -> NDArray[np.float32]:
    return np.asarray(sum((np.float32(weight) * person.texture(person.rest) for person, weight in parts), _nothing()))


def mixed_texture(
    skin: Sequence[tuple[NDArray[np.float32], float]],
    shares_of_skin: Sequence[float],
    of_part: Callable[[int], Sequence[tuple[NDArray[np.float32], float]]],
    parts: Sequence[int] = OPENINGS,
) -> NDArray[np.float32]:
    """A face in the common frame: float32 (256, 256, 3), CIELab.

    skin: the textures, as large, that it is mixed of, with their shares, of sum 1; of_part: gives the same of each of
    the parts, which are drawn over it in that order. shares_of_skin: those of single pictures, for a texture of the
    skin may be a mixture itself.
    """
    drawn = _nothing()
    _add(skin, (slice(None), slice(None)), drawn)
    for part in parts:
        where, share = _window(part)
        region = drawn[where]
        own = np.zeros_like(region)
        _add(of_part(part), where, own)
        region += share * (own - region)
    # By how much mixing weakens what no two pictures have in common, as pores.
    weakened = float(np.sqrt(sum(share**2 for share in shares_of_skin)))
    return _detailed(drawn, weakened)


def _add(
    textures: Sequence[tuple[NDArray[np.float32], float]], where: tuple[slice, slice], to: NDArray[np.float32]
) -> None:
    for texture, share in textures:
        cv2.scaleAdd(texture[where], share, to, to)


def _nothing() -> NDArray[np.float32]:
    return np.zeros((FRAME_PX, FRAME_PX, 3), np.float32)


@cache
def _without_openings() -> NDArray[np.float32]:
    """1 but where eyes and mouth are, which are drawn for themselves: float32 (256, 256, 1)."""
    outside = np.ones((FRAME_PX, FRAME_PX, 1), np.float32)
    for part in OPENINGS:
        where, share = _window(part)
        outside[where] *= 1 - share
    return outside


def _detailed(lab: NDArray[np.float32], weakened: float) -> NDArray[np.float32]:
    """A mixture with some of the fine lightness that mixing took: as in E. Heitz and F. Neyret, High-Performance
    By-Example Noise using a Histogram-Preserving Blending Operator, 2018, what is independent is scaled back to its
    variance; here only a part of it, since what all faces have in common was not weakened."""
    lightness = np.ascontiguousarray(lab[..., 0])
    fine = lightness - cv2.GaussianBlur(lightness, (0, 0), _FINE_PX)
    lab[..., 0] += np.float32(_RESTORED * (1 / weakened - 1)) * fine
    return lab


def _by_feature(difference: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """The part of a difference that moves and scales each feature as a whole: expressions stay what they are.

    The jaw's is left out: beyond the jaw of the face that is drawn over lies what is not to be changed.
    """
    result = np.zeros_like(difference)
    for points, scaling in _GROUPS:
        centered = shape[points] - shape[points].mean(0)
        spread = np.maximum((centered**2).sum(0), 1e-6)
        factor = (centered * difference[points]).sum(0) / spread
        result[points] = difference[points].mean(0) + scaling * factor * centered
    return result


def _blurred(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return cast(NDArray[np.float32], cv2.GaussianBlur(image, (0, 0), _FEATHER_PX))


@cache
def _window(part: int) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Where in the frame a part lies, and how much of each of its pixels is the part's: float32 (h, w, 1)."""
    points = frame_points()
    groups, grow = {
        BROWS: ((slice(17, 22), slice(22, 27)), (8, 10)),
        LEFT_EYE: ((slice(36, 42),), (9, 11)),
        RIGHT_EYE: ((slice(42, 48),), (9, 11)),
        MOUTH: ((slice(48, 60),), (9, 7)),
    }[part]
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    for group in groups:
        cv2.fillConvexPoly(inside, cv2.convexHull(np.round(points[group]).astype(np.int32)), 255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow[0] + 1, 2 * grow[1] + 1))
    full = _blurred(cv2.dilate(inside, kernel).astype(np.float32) / np.float32(255))
    full[full < 0.01] = 0
    rows, columns = np.flatnonzero(full.any(1)), np.flatnonzero(full.any(0))
    where = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    return where, full[where][..., None]
