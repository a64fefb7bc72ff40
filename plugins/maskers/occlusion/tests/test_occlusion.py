"""What is drawn before a real face is seen there, and nothing is seen where nothing is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.testing import MaskerContract, portraits
from mien_masker_occlusion.occluders import KINDS, occlude
from mien_masker_occlusion.occlusion import Occlusion, OcclusionConfig, face_area

CROP = AlignmentConfig(size=192, margin=0.25, shift_y=0.12)


class TestOcclusion(MaskerContract):
    name = "occlusion"


@pytest.fixture(scope="module")
def crops():
    return [align(portrait.image, portrait.landmarks, CROP) for portrait in portraits()]


@pytest.fixture(scope="module")
def masker():
    return Occlusion()


def test_of_a_bare_face_hardly_anything_is_taken(crops, masker):
    for crop, mask in zip(crops, masker.mask(crops), strict=True):
        assert (mask[face_area(crop)] > 127).mean() < 0.04


def test_eyes_brows_and_mouth_are_part_of_a_face(crops, masker):
    for crop, mask in zip(crops, masker.mask(crops), strict=True):
        part = np.zeros(mask.shape, np.uint8)
        for points in (slice(36, 42), slice(42, 48), slice(48, 60)):
            cv2.fillConvexPoly(part, np.rint(crop.landmarks[points]).astype(np.int32), 1)
        assert (mask[part > 0] > 127).mean() < 0.05


@pytest.mark.parametrize("kind", ["hand", "microphone", "face_mask", "object"])
def test_what_stands_in_front_is_seen(crops, kind):
    masker = Occlusion(OcclusionConfig(most=1.0))
    both = either = 0
    for number, crop in enumerate(crops * 6):
        laid = occlude(crop.image, crop.landmarks, np.random.default_rng(number), kind)
        area = face_area(crop)
        seen, hidden = masker.mask([replace(crop, image=laid.image)])[0] > 127, laid.alpha > 0.5
        both += (seen & hidden & area).sum()
        either += ((seen | hidden) & area).sum()
    assert both / either > 0.7


def test_of_a_face_that_seems_hidden_for_the_most_part_nothing_is_taken(crops):
    """What is taken from the mask stays visible."""
    crop = crops[0]
    laid = next(
        laid
        for number in range(50)
        if (laid := occlude(crop.image, crop.landmarks, np.random.default_rng(number), "face_mask"))
        and laid.alpha[face_area(crop)].mean() > 0.3
    )
    covered = replace(crop, image=laid.image)
    assert Occlusion(OcclusionConfig(most=1.0)).mask([covered]).any()
    assert not Occlusion(OcclusionConfig(most=0.1)).mask([covered]).any()


def test_it_is_taken_from_what_another_masker_says(crops):
    crop = crops[0]
    laid = occlude(crop.image, crop.landmarks, np.random.default_rng(3), "microphone")
    covered = replace(crop, image=laid.image)
    (whole,), (less,) = (MaskerSet(text, Registry()).mask([covered]) for text in ("hull", "hull+occlusion"))
    hidden = (laid.alpha == 1) & (whole == 255)
    assert hidden.sum() > 100
    assert less[hidden].mean() < 80
    assert (less <= whole).all()


def test_each_kind_of_thing_is_drawn_and_says_where(crops):
    crop = crops[0]
    for kind in KINDS:
        laid = occlude(crop.image, crop.landmarks, np.random.default_rng(1), kind)
        again = occlude(crop.image, crop.landmarks, np.random.default_rng(1), kind)
        assert np.array_equal(laid.image, again.image)
        changed = np.abs(laid.image.astype(int) - crop.image).max(2) > 0
        assert changed[laid.alpha > 0.5].mean() > 0.5
