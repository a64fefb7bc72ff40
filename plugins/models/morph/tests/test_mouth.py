"""What is seen between the lips of somebody of whom no picture shows it."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien_model_morph.bank import BankPerson, Picture, openpeople_bank
from mien_model_morph.expression import from_closed, measures_of
from mien_model_morph.frame import Pose, frame_points, regions
from mien_model_morph.known import Drivers, KnownPerson
from mien_model_morph.mouth import InnerMouth

INNER_LIPS, UPPER_INNER, LOWER_INNER = slice(60, 68), [61, 62, 63], [67, 66, 65]
SKIN = (190, 140, 120)
FACING = Pose(np.eye(3), 100.0, np.zeros(2))


def grinning() -> NDArray[np.float64]:
    """The landmarks of the widest grin of openpeople, from the front, (68, 2)."""
    person = openpeople_bank()[0]
    return person.frontal[int(person.measures[:, 1].argmax())]


def at_rest() -> NDArray[np.float64]:
    person = openpeople_bank()[0]
    return person.frontal[person.rest]


def somebody(*, inner_mouth: bool = True) -> KnownPerson:
    """A person of plain skin, of whom there is one picture, with the mouth closed."""
    plain = np.full((256, 256, 3), SKIN, np.uint8)
    person = BankPerson([Picture(100 * at_rest(), (True, True, True), lambda: plain)])
    return KnownPerson(person, Drivers([person]), InnerMouth(person, openpeople_bank()) if inner_mouth else None)


@pytest.fixture(scope="module")
def inside() -> NDArray[np.bool_]:
    """Of each pixel of the frame whether it lies well between the lips."""
    mask = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(mask, [np.round(frame_points()[INNER_LIPS]).astype(np.int32)], 1)
    return cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0


def test_somebody_who_never_opens_the_mouth_in_pictures_has_teeth(inside: NDArray[np.bool_]) -> None:
    texture, without = (somebody(inner_mouth=inner).texture(grinning(), FACING) for inner in (True, False))
    assert texture[inside, 0].std() > 5 > without[inside, 0].std()
    outside = cv2.dilate(inside.astype(np.uint8), np.ones((25, 25), np.uint8)) == 0
    assert np.abs(texture[outside] - without[outside]).max() < 0.5


def test_teeth_are_no_whiter_than_filmed_ones(inside: NDArray[np.bool_]) -> None:
    linear = cv2.cvtColor(somebody().texture(grinning(), FACING), cv2.COLOR_LAB2LRGB) @ np.float32([0.21, 0.72, 0.07])
    skin = float(np.median(linear[regions()[..., 0] > 0.99]))
    assert 1.3 < np.percentile(linear[inside], 90) / skin < 2.0


def test_nothing_is_borrowed_for_what_the_pictures_show() -> None:
    texture, without = (somebody(inner_mouth=inner).texture(at_rest(), FACING) for inner in (True, False))
    assert np.array_equal(texture, without)
    person = openpeople_bank()[3]
    drivers = Drivers([person])
    with_grins = (KnownPerson(person, drivers, inner) for inner in (InnerMouth(person, openpeople_bank()), None))
    texture, without = (each.texture(person.frontal[0], FACING) for each in with_grins)
    assert np.array_equal(texture, without)


def test_it_comes_and_goes_without_a_jump() -> None:
    person, steps = somebody(), np.linspace(0, 1, 201)
    images = [person.texture(at_rest() + share * (grinning() - at_rest()), FACING) for share in steps]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(images)]
    assert max(changes) < 0.15 * sum(changes)


def test_a_mouth_that_grins_in_most_pictures_closes_all_the_same() -> None:
    """Of twenty pictures three show closed lips, as the demo's J does in 14 of 72."""
    measures, rest = from_closed(measures_of(np.stack([at_rest()] * 3 + [grinning()] * 17)))
    assert rest < 0.01
    assert measures[0, 0] == pytest.approx(measures_of(at_rest()[None])[0, 0], abs=0.1)


def test_full_lips_whose_landmarks_never_meet_count_as_closed() -> None:
    apart = at_rest()
    apart[LOWER_INNER, 1] = apart[UPPER_INNER, 1] + 0.06
    _, rest = from_closed(measures_of(np.stack([apart] * 12 + [grinning()] * 8)))
    assert rest == pytest.approx(0.06, abs=0.005)


def test_a_mouth_is_as_lopsided_as_the_driving_one_and_not_as_the_pictures() -> None:
    crooked = at_rest()
    crooked[54, 1] += 0.08
    crooked[60:65, 1] += 0.03
    plain = np.full((256, 256, 3), SKIN, np.uint8)
    person = BankPerson([Picture(100 * crooked, (True, True, True), lambda: plain)])
    straight = at_rest()
    mirrored = [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    straight[48:68] = (straight[48:68] + straight[mirrored] * [-1, 1]) / 2
    straight[36:48] -= [straight[36:48, 0].mean(), 0]
    points = KnownPerson(person, Drivers([person])).points(100 * straight, straight, FACING)
    assert abs(points[54, 1] - points[48, 1]) < 1
