"""How the eyes close of somebody of whom no picture shows it."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mien.contracts.model import Batch, ModelInputs
from mien.contracts.target import Given, Reference
from mien.geometry.alignment import align
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien_model_morph.bank import BankPerson, Picture, openpeople_bank
from mien_model_morph.expression import LID_MEASURES, measures_of
from mien_model_morph.frame import Pose, frame_points, regions
from mien_model_morph.known import Drivers, KnownPerson
from mien_model_morph.lids import ClosedEyes, Lids
from mien_model_morph.model import Morph

LIDS = (((37, 41), (38, 40)), ((43, 47), (44, 46)))
LEFT, RIGHT = range(2)
FACING = Pose(np.eye(3), 100.0, np.zeros(2))
WITH_CLOSED_EYES = 4
"""Of openpeople's: one who closes both eyes."""
OPEN_EYED = 0


def at_rest(number: int = OPEN_EYED) -> NDArray[np.float64]:
    """Landmarks of one of openpeople at rest, from the front, (68, 2)."""
    person = openpeople_bank()[number]
    return person.frontal[person.rest]


def with_lids(share: float, eyes: tuple[int, ...] = (LEFT, RIGHT)) -> NDArray[np.float64]:
    """The same, but with eyes so far open: 1 as they are, 0 not at all."""
    face = at_rest()
    for eye in eyes:
        for upper, lower in LIDS[eye]:
            gap = (1 - share) * (face[lower] - face[upper])
            face[upper] += 0.8 * gap
            face[lower] -= 0.2 * gap
    return face


def by_one_picture(number: int = OPEN_EYED, *, lids: bool = True) -> KnownPerson:
    """One of openpeople by the picture at rest alone, whose eyes are open."""
    person = openpeople_bank()[number]
    texture = openpeople_bank()[number].texture(person.rest)
    image = np.round(np.clip(cv2.cvtColor(texture, cv2.COLOR_LAB2RGB), 0, 1) * 255).astype(np.uint8)
    alone = BankPerson([Picture(100 * person.frontal[person.rest], (True, True, True), lambda: image)])
    return KnownPerson(alone, Drivers([alone]), None, Lids(alone, ClosedEyes(openpeople_bank)) if lids else None)


def part(eye: int, *, grown_px: int = 0) -> NDArray[np.bool_]:
    """Where an eye is in the frame."""
    mask = np.zeros((256, 256), np.uint8)
    cv2.fillPoly(mask, [np.round(frame_points()[36 + 6 * eye : 42 + 6 * eye]).astype(np.int32)], 1)
    return cv2.dilate(mask, np.ones((2 * grown_px + 1, 2 * grown_px + 1), np.uint8)) > 0


@pytest.mark.parametrize("number", [0, 2, 5])
def test_closed_eyes_show_no_white_and_no_iris(number: int) -> None:
    """What is between the lids varies no more from left to right than a line of lashes does."""
    texture, without = (by_one_picture(number, lids=lids).texture(with_lids(0.1), FACING) for lids in (True, False))
    for eye in (LEFT, RIGHT):
        inside = cv2.erode(part(eye).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        lightest, before = (np.percentile(image[inside, 0], 95) for image in (texture, without))
        skin = np.median(texture[regions()[..., 0] > 0.99][:, 0])
        assert lightest < before - 3
        assert lightest < 0.75 * skin


def test_their_skin_has_the_colors_of_the_skin_around_the_eyes() -> None:
    person = by_one_picture()
    is_open, closed = (person.texture(with_lids(share), FACING) for share in (1, 0.1))
    lid = np.zeros((256, 256), np.uint8)
    points = frame_points()
    cv2.line(lid, *(np.round(points[n] - [0, 5]).astype(int).tolist() for n in (37, 38)), 1, 3)
    around = part(LEFT, grown_px=14) & ~part(LEFT, grown_px=8) & (regions()[..., 0] > 0.5)
    difference = closed[lid > 0].mean(0) - np.median(is_open[around], axis=0)
    assert np.abs(difference).max() < 8
    other = by_one_picture(1).texture(with_lids(0.1), FACING)[lid > 0].mean(0)
    assert np.abs(other - closed[lid > 0].mean(0)).max() > 5  # a lighter person's lids are lighter


def test_brows_and_cheeks_stay_their_own() -> None:
    texture, without = (by_one_picture(lids=lids).texture(with_lids(0.1), FACING) for lids in (True, False))
    far = ~(part(LEFT, grown_px=17) | part(RIGHT, grown_px=17))
    assert np.abs(texture[far] - without[far]).max() < 0.5


def test_a_wink_closes_one_eye() -> None:
    texture, without = (by_one_picture(lids=lids).texture(with_lids(0.1, (LEFT,)), FACING) for lids in (True, False))
    changed = np.abs(texture - without).max(2)
    assert changed[part(LEFT)].mean() > 5
    assert changed[part(RIGHT, grown_px=20)].max() == 0


@pytest.mark.parametrize("share", [1, 0.5, 0.1])
def test_closed_eyes_of_their_own_are_drawn_as_before(share: float) -> None:
    person = openpeople_bank()[WITH_CLOSED_EYES]
    known = [
        KnownPerson(person, Drivers([person]), None, lids) for lids in (Lids(person, ClosedEyes(openpeople_bank)), None)
    ]
    face = with_lids(share)
    textures, points = (
        [each.texture(face, FACING) for each in known],
        [each.points(100 * face, face, FACING) for each in known],
    )
    assert np.array_equal(*textures)
    assert np.array_equal(*points)


def test_nothing_is_borrowed_for_open_eyes() -> None:
    known = [by_one_picture(lids=lids) for lids in (True, False)]
    face = with_lids(1)
    assert np.array_equal(*(each.texture(face, FACING) for each in known))
    assert np.array_equal(*(each.points(100 * face, face, FACING) for each in known))


def test_lids_close_without_a_jump() -> None:
    person, steps = by_one_picture(), np.linspace(1, 0, 201)
    images = [person.texture(with_lids(float(share)), FACING) for share in steps]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(images)]
    assert max(changes) < 0.02 * sum(changes)
    points = [person.points(100 * with_lids(float(share)), with_lids(float(share)), FACING) for share in steps]
    assert max(float(np.abs(after - before).max()) for before, after in pairwise(points)) < 0.3


@pytest.mark.parametrize("crossed", [0.0, -0.05])
def test_lids_meet_when_the_driving_ones_do(crossed: float) -> None:
    face = with_lids(crossed)
    points = by_one_picture().points(100 * face, face, FACING)
    is_open = by_one_picture().points(100 * at_rest(), at_rest(), FACING)
    for eye, measure in enumerate(LID_MEASURES):
        gaps = [points[lower, 1] - points[upper, 1] for upper, lower in LIDS[eye]]
        width = points[39 + 6 * eye, 0] - points[36 + 6 * eye, 0]
        assert 0 < np.mean(gaps) / width < 0.05
        assert measures_of(is_open[None] / 100)[0, measure] > 0.2


def test_the_same_face_is_drawn_the_same_whatever_was_drawn_before() -> None:
    first, second = by_one_picture(), by_one_picture()
    first.texture(with_lids(0.3), FACING)
    assert np.array_equal(*(each.texture(with_lids(0.1), FACING) for each in (first, second)))


def test_lids_of_a_reference_are_drawn_where_the_driving_ones_close(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = ExtractorSet("blazeface", Registry())
    inputs = ModelInputs(("anna",), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
    cut = Morph(None, inputs).cut
    shown, driving = (align(each.image, extractor.extract(each.image)[0], cut) for each in portraits()[:2])
    whom = Reference(
        torch.zeros(1, dtype=torch.int64), (Given(torch.zeros(0), batch_of(shown.image, shown.landmarks)),)
    )
    at = driving.landmarks.copy()
    for upper, lower in (*LIDS[LEFT], *LIDS[RIGHT]):
        at[[upper, lower]] = 0.2 * at[upper] + 0.8 * at[lower]
    closed = Morph(None, inputs).generate(batch_of(driving.image, at), whom).images[0]
    monkeypatch.setattr(Lids, "set_into", lambda *_: None)
    without = Morph(None, inputs).generate(batch_of(driving.image, at), whom).images[0]
    changed = (closed - without).abs().amax(0).numpy() > 0.05
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert changed.sum() > 100
    assert at[17:27, 1].min() < rows[0] and rows[-1] < at[30, 1]
    assert at[0, 0] < columns[0] < at[36, 0] + 15 and at[45, 0] - 15 < columns[-1] < at[16, 0]


def batch_of(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> Batch:
    images = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    return Batch(
        images,
        torch.ones_like(images[:, :1]),
        torch.zeros(1, 0),
        torch.tensor([-1]),
        landmarks=torch.from_numpy(landmarks)[None],
    )
