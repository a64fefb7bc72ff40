"""Colours and sharpness of a real face, measured before and after."""

import cv2
import numpy as np
import pytest

from mien.alignment import align
from mien.colour import from_lab, match_colours, sharpen, soften, to_lab
from mien.testing import portraits


@pytest.fixture(scope="module")
def faces():
    return [align(portrait.picture, portrait.landmarks) for portrait in portraits()]


def statistics(picture, mask):
    inside = to_lab(picture)[mask == 1]
    return np.array([inside.mean(0), inside.std(0)])


def test_a_matched_face_has_the_references_mean_and_spread(faces):
    face, reference = faces
    both = (face.mask == 1) & (reference.mask == 1)
    matched = match_colours(face.image, reference.image, both.astype(np.float32))
    before = np.abs(statistics(face.image, both) - statistics(reference.image, both))
    after = np.abs(statistics(matched, both) - statistics(reference.image, both))
    assert before[0].max() > 10
    assert after.max() < 1.5  # what no screen can show is clipped


def test_a_face_matched_to_itself_stays(faces):
    face = faces[0]
    assert np.abs(match_colours(face.image, face.image, face.mask).astype(int) - face.image).max() <= 1


def test_without_any_weight_a_face_stays(faces):
    face, reference = faces
    matched = match_colours(face.image, reference.image, np.zeros_like(face.mask))
    assert np.array_equal(matched, face.image)
    assert matched is not face.image


def test_the_contrast_of_a_flat_face_is_at_most_doubled(faces):
    reference = faces[0]
    flat = np.full((128, 128, 3), 100, np.uint8)
    flat[::2] += 2
    matched = match_colours(flat, reference.image, reference.mask)
    assert np.abs(matched[0].astype(int) - matched[1]).max() <= 2 * 2 + 1


def detail(picture, mask):
    lightness = to_lab(picture)[..., 0]
    return np.abs(lightness - cv2.GaussianBlur(lightness, (0, 0), 1.5))[cv2.erode(mask, np.ones((15, 15))) == 1].mean()


def test_sharpening_adds_detail_and_softening_takes_it(faces):
    face = faces[1]
    plain = detail(face.image, face.mask)
    assert detail(sharpen(face.image, face.mask, 5.0, 0.5), face.mask) > 1.3 * plain
    assert detail(soften(face.image, face.mask, 1.5), face.mask) < 0.6 * plain


def test_sharpening_changes_the_lightness_alone(faces):
    face = faces[0]
    inside = face.mask == 1
    sharp, plain = to_lab(sharpen(face.image, face.mask, 5.0, 0.3)), to_lab(face.image)
    in_gamut = inside & (sharp[..., 0] < 90) & (sharp[..., 0] > 10)
    assert np.abs(sharp - plain)[in_gamut][:, 1:].mean() < 0.5


def test_the_black_around_a_face_does_not_bleed_into_it(faces):
    mask = faces[0].mask
    gray = np.rint(150 * (mask == 1)[..., None] * np.ones(3)).astype(np.uint8)
    inside = (mask == 1).astype(np.float32)
    assert np.abs(soften(gray, inside, 5.0).astype(int) - gray).max() <= 1
    assert np.abs(sharpen(gray, inside, 5.0, 1.0).astype(int) - gray).max() <= 1


def test_lab_and_back_is_the_same_picture(faces):
    assert np.abs(from_lab(to_lab(faces[0].image)).astype(int) - faces[0].image).max() <= 1
