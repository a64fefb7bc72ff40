"""Glasses drawn before a real face are seen there and no wider, and of a bare face nothing is taken."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align, inverse, transform_points, warp
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.testing import MaskerContract, portraits
from mien_masker_glasses.cut import HEIGHT, WIDTH, eye_frame, to_strip
from mien_masker_glasses.glasses import Glasses, GlassesConfig
from mien_masker_glasses.spectacles import KINDS, age, disturb, wear

CROP = AlignmentConfig(size=256, margin=0.2, shift_y=0.1)
MIRRORED = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46,
            39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]  # fmt: skip
"""iBUG's landmarks of a face as those of the same face in a mirror."""


class TestGlasses(MaskerContract):
    name = "glasses"


@pytest.fixture(scope="module")
def crops():
    """A bare face, and the same mirrored."""
    portrait = portraits()[0]
    crop = align(portrait.image, portrait.landmarks, CROP)
    mirrored = crop.landmarks[MIRRORED] * (-1, 1) + (crop.size - 1, 0)
    image = np.ascontiguousarray(crop.image[:, ::-1])
    return [crop, replace(crop, image=image, landmarks=mirrored.astype(np.float32))]


@pytest.fixture(scope="module")
def wearing():
    """A face with glasses of its own: thick rims above, thin ones below."""
    portrait = portraits()[1]
    return align(portrait.image, portrait.landmarks, CROP)


@pytest.fixture(scope="module")
def masker():
    return Glasses()


def worn(crop, seed, kind):
    return wear(crop.image, crop.landmarks, np.random.default_rng(seed), kind)


def test_of_a_bare_face_nothing_is_taken_however_it_is_filmed(crops, masker):
    for crop in crops:
        for image in (
            crop.image,
            cv2.GaussianBlur(crop.image, (0, 0), 2),
            (crop.image * 0.5).astype(np.uint8),
            cv2.cvtColor(cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
        ):
            assert not masker.mask([replace(crop, image=np.ascontiguousarray(image))]).any()


def test_real_glasses_are_seen_from_end_to_end_and_the_eyes_behind_them_are_not(wearing, masker):
    mask = masker.mask([wearing])[0]
    there, frame = mask > 127, eye_frame(wearing.landmarks)
    rows, columns = np.nonzero(there)
    assert columns.max() - columns.min() > 1.8 * frame.unit
    assert abs(rows.mean() - frame.middle[1]) < 0.3 * frame.unit
    assert 0.02 < there.mean() < 0.06
    for points in (slice(36, 42), slice(42, 48)):
        eye = np.zeros(mask.shape, np.uint8)
        cv2.fillConvexPoly(eye, np.rint(wearing.landmarks[points]).astype(np.int32), 1)
        assert not there[eye > 0].any()


@pytest.mark.parametrize("kind", ["full", "half", "dark"])
def test_frames_are_seen_and_no_wider_than_they_are(crops, masker, kind):
    both = either = 0
    for number, crop in enumerate(crops * 8):
        laid = worn(crop, number, kind)
        seen, there = masker.mask([replace(crop, image=laid.image)])[0] > 127, laid.alpha > 0.5
        both += (seen & there).sum()
        either += (seen | there).sum()
    assert both / either > 0.6


def test_eyes_behind_clear_lenses_are_part_of_the_face(crops, masker):
    for number, crop in enumerate(crops * 8):
        mask = masker.mask([replace(crop, image=worn(crop, number, "full").image)])[0]
        eyes = np.zeros(mask.shape, np.uint8)
        for points in (slice(36, 42), slice(42, 48)):
            cv2.fillConvexPoly(eyes, np.rint(crop.landmarks[points]).astype(np.int32), 1)
        covered = worn(crop, number, "full").alpha > 0.02
        assert (
            mask[(eyes > 0) & ~cv2.dilate(covered.astype(np.uint8), np.ones((7, 7))).astype(bool)] > 127
        ).mean() < 0.05


def test_what_is_no_glasses_is_part_of_the_face(crops, masker):
    taken = 0
    for number, crop in enumerate(crops * 20):
        bare = np.zeros(crop.image.shape[:2], np.float32)
        other = disturb(
            age(crop.image, crop.landmarks, np.random.default_rng(number)),
            bare,
            crop.landmarks,
            np.random.default_rng(number),
        )
        taken += masker.mask([replace(crop, image=other.image)]).any()
    assert taken <= 1


def test_glasses_stay_where_they_are_when_the_image_moves(crops, masker):
    crop = crops[0]
    image = worn(crop, 1, "full").image
    masks = []
    for shift in (0.0, 0.5, 1.0):
        move = np.array([[1, 0, shift], [0, 1, 0]])
        moved = cv2.warpAffine(image, move, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        marks = crop.landmarks + np.array([shift, 0], np.float32)
        mask = masker.mask([replace(crop, image=moved, landmarks=marks)])[0].astype(np.float32)
        masks.append(cv2.warpAffine(mask, move, mask.shape[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP))
    there = masks[0] > 127
    for mask in masks[1:]:
        assert np.abs(mask - masks[0])[there].mean() < 20


def test_of_a_face_that_seems_hidden_for_the_most_part_nothing_is_taken(crops):
    crop = crops[0]
    dark = replace(crop, image=worn(crop, 3, "dark").image)
    assert Glasses().mask([dark]).any()
    assert not Glasses(GlassesConfig(most=0.05)).mask([dark]).any()


def test_what_covers_one_eye_alone_is_no_glasses(crops, masker):
    """Whatever the network takes it for: the eye that it would leave is the person's."""
    crop = crops[0]
    dark = worn(crop, 3, "dark").image
    middle = int(eye_frame(crop.landmarks).middle[0])
    half = np.concatenate([dark[:, :middle], crop.image[:, middle:]], 1)
    assert masker.mask([replace(crop, image=dark)]).any()
    assert not masker.mask([replace(crop, image=half)]).any()


def test_what_covers_both_eyes_is_glasses_only_if_it_is_dark(crops):
    """Above a hand before nose and mouth the network took eyes for lenses: they would have stayed as they were."""
    crop = crops[0]
    dark = replace(crop, image=worn(crop, 3, "dark").image)
    masker = Glasses()
    said = masker._network(warp(dark.image, to_strip(crop.landmarks), (WIDTH, HEIGHT)))
    assert masker.mask([dark]).any()
    masker._network = lambda strip: said
    assert masker.mask([dark]).any()
    assert not masker.mask([crop]).any()


def test_of_a_pair_whose_lens_reflects_the_rims_are_taken_and_the_eye_is_not(crops):
    crop = replace(crops[0], image=worn(crops[0], 1, "full").image)
    masker, to_there = Glasses(), to_strip(crop.landmarks)
    pixels, any_at_all = masker._network(warp(crop.image, to_there, (WIDTH, HEIGHT)))
    eye = transform_points(to_there, crop.landmarks[36:42])
    cv2.fillConvexPoly(pixels, cv2.convexHull(np.rint(eye).astype(np.int32)), 1.0)
    whole = masker.mask([crop])[0] > 127
    masker._network = lambda strip: (pixels, any_at_all)
    mask = masker.mask([crop])[0] > 127
    covered = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(covered, np.rint(crop.landmarks[36:42]).astype(np.int32), 1)
    assert not mask[covered > 0].any() and (mask & whole).sum() > 0.6 * whole.sum()


def test_it_is_taken_from_what_another_masker_says(crops):
    crop = crops[0]
    laid = worn(crop, 1, "full")
    (whole,), (less,) = (
        MaskerSet(text, Registry()).mask([replace(crop, image=laid.image)]) for text in ("hull", "hull+glasses")
    )
    rims = (laid.alpha == 1) & (whole == 255)
    assert rims.sum() > 100
    assert less[rims].mean() < 100
    assert (less <= whole).all()


def test_the_strip_shows_both_eyes_level_whichever_way_the_head_leans(crops):
    marks = crops[0].landmarks
    turn = cv2.getRotationMatrix2D((128, 128), 50, 1.7)
    places = [transform_points(to_strip(of), of) for of in (marks, transform_points(turn, marks))]
    assert np.abs(places[0] - places[1]).max() < 0.01
    left, right = places[0][36:42].mean(0), places[0][42:48].mean(0)
    assert abs(left[1] - right[1]) < 0.01
    assert 0 < left[0] < right[0] < WIDTH and 0 < left[1] < HEIGHT
    middle = transform_points(inverse(to_strip(marks)), ((left + right) / 2)[None])[0]
    assert np.abs(middle - eye_frame(marks).middle).max() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_glasses_is_drawn_and_says_where(crops, kind):
    crop = crops[0]
    one, again = worn(crop, 5, kind), worn(crop, 5, kind)
    assert np.array_equal(one.image, again.image) and np.array_equal(one.alpha, again.alpha)
    changed = np.abs(one.image.astype(int) - crop.image).max(2) > 0
    assert (one.alpha > 0.5).sum() > 100
    assert changed[one.alpha > 0.5].mean() > 0.9


def test_a_piece_of_glasses_on_one_side_is_not_taken(crops, masker):
    whole = half = 0
    for number, crop in enumerate(crops * 4):
        image = worn(crop, number, "full").image
        piece = crop.image.copy()
        middle = round(float(crop.landmarks[27:31, 0].mean()))
        piece[:, :middle] = image[:, :middle]
        whole += masker.mask([replace(crop, image=image)]).any()
        half += masker.mask([replace(crop, image=piece)]).max() > 127
    assert whole == 8 and half <= 4
