"""From which pictures of somebody each part of their face comes."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from mien_model_morph.bank import BankPerson, Picture, openpeople_bank
from mien_model_morph.expression import LEFT_EYE, RIGHT_EYE, measures_of, shares
from mien_model_morph.frame import Pose, frame_points
from mien_model_morph.known import Drivers, KnownPerson

FACING = Pose(np.eye(3), 100.0, np.zeros(2))
BROWS, LOWER_INNER, LEFT_LIDS = slice(17, 27), slice(65, 68), ([37, 38], [41, 40])
GRAY, DARKER = 150, 110


def at_rest() -> NDArray[np.float64]:
    person = openpeople_bank()[0]
    return person.frontal[person.rest]


def changed(*, brows: float = 0.0, opening: float = 0.0, left_lids: float = 0.0) -> NDArray[np.float64]:
    """A face at rest with raised brows, an open mouth, a left eye that is open wider, in distances between the eyes."""
    face = at_rest().copy()
    face[BROWS, 1] -= brows
    face[LOWER_INNER, 1] += opening
    upper, lower = LEFT_LIDS
    face[upper, 1] -= left_lids / 2
    face[lower, 1] += left_lids / 2
    return face


def plain(level: int) -> NDArray[np.uint8]:
    return np.full((256, 256, 3), level, np.uint8)


@pytest.fixture(scope="module")
def somebody() -> KnownPerson:
    """A person in two pictures: one at rest, and a darker one with the brows raised and the mouth open."""
    pictures = ((changed(), GRAY), (changed(brows=0.1, opening=0.2), DARKER))
    person = BankPerson([Picture(100 * face, (True, True, True), partial(plain, level)) for face, level in pictures])
    return KnownPerson(person, Drivers([person]))


def at_brows(texture: NDArray[np.float32]) -> float:
    """CIELab's L in the middle of the brows of the common frame."""
    rows, columns = np.round(frame_points()[[19, 24]].T[::-1]).astype(int)
    return float(texture[rows, columns, 0].mean())


def test_what_the_mouth_does_does_not_change_the_brows(somebody: KnownPerson) -> None:
    """Pictures of an open mouth show brows that did something of their own."""
    at_rest, speaking = (somebody.texture(face, FACING) for face in (changed(), changed(opening=0.2)))
    assert at_brows(speaking) == pytest.approx(at_brows(at_rest), abs=0.5)
    cheek = tuple(np.round(frame_points()[[2, 31]].mean(0)[::-1]).astype(int))
    assert speaking[cheek][0] < at_rest[cheek][0] - 5


def test_raised_brows_are_raised_as_far(somebody: KnownPerson) -> None:
    def height(face: NDArray[np.float64]) -> float:
        return float(measures_of((somebody.points(100 * face, face, FACING) / 100)[None])[0, 3])

    assert height(changed(brows=0.05, opening=0.2)) - height(changed(opening=0.2)) == pytest.approx(0.05, abs=0.005)


def test_both_eyes_come_from_the_same_pictures_unless_one_winks() -> None:
    of = measures_of(np.stack([changed(), changed(left_lids=0.04)]))
    little, wink = (measures_of(changed(left_lids=wider)[None])[0] for wider in (0.01, -0.08))
    assert np.array_equal(shares(little, of, LEFT_EYE), shares(little, of, RIGHT_EYE))
    assert not np.array_equal(shares(wink, of, LEFT_EYE), shares(wink, of, RIGHT_EYE))
