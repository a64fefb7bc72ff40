"""A hand before a face is seen, and where there is none, none is seen."""

from importlib import resources

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.masks import hull_mask
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.testing import MaskerContract, no_face, portraits
from mien_masker_hands.detector import HandDetector
from mien_masker_hands.hands import Hands, HandsConfig

SIDE = 4
THOUGHTFUL, ANGRY = 10, 3
"""Numbers of expressions on a sheet: with a hand at the chin, and without."""


class TestHands(MaskerContract):
    name = "hands"


@pytest.fixture(scope="module")
def masker():
    return Hands()


def crop_of(person, expression):
    pytest.importorskip("openpeople", reason="its pictures show hands")
    path = resources.files("openpeople") / "data" / "curated" / person / "assets" / "emotions_sheet.jpg"
    sheet = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    height, width = (side // SIDE for side in sheet.shape[:2])
    row, column = divmod(expression, SIDE)
    image = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width].copy()
    face = Registry().create("extractor", "blazeface").extract(image)[0]
    return align(image, face, AlignmentConfig(margin=0.3))


def share_of_face(mask, crop):
    return float((mask[hull_mask(crop.landmarks, crop.size, 0.0) > 0.5] > 127).mean())


@pytest.mark.parametrize("person", ["P002", "P005", "P008"])
def test_a_hand_at_the_chin_is_seen_and_no_more_of_the_face(masker, person):
    crop = crop_of(person, THOUGHTFUL)
    (mask,) = masker.mask([crop])
    assert 0.03 < share_of_face(mask, crop) < 0.2
    eyes = crop.landmarks[36:48]
    assert (mask[: int(eyes[:, 1].max()) + 1] == 0).all()


def test_a_face_without_a_hand_keeps_all_of_its_mask(masker):
    for crop in (crop_of("P005", ANGRY), *(align(one.image, one.landmarks) for one in portraits())):
        assert share_of_face(masker.mask([crop])[0], crop) == 0


def test_a_hand_that_hides_too_much_is_not_uncovered():
    """What is taken from the mask stays visible."""
    crop = crop_of("P005", THOUGHTFUL)
    assert Hands(HandsConfig(most=0.2)).mask([crop]).any()
    assert not Hands(HandsConfig(most=0.01)).mask([crop]).any()


def test_it_is_taken_from_what_another_masker_says():
    crop = crop_of("P005", THOUGHTFUL)
    (whole,), (less,) = (MaskerSet(text, Registry()).mask([crop]) for text in ("hull", "hull+hands"))
    assert (less <= whole).all()
    assert (less < whole).sum() > 50


def test_nobody_has_a_hand_in_a_cup_of_coffee():
    found = HandDetector().find(np.ascontiguousarray(no_face()[:240, :240]), 0.4)
    assert all(hand.score < HandsConfig().least_score for hand in found)
