"""What is judged as a good fit on real faces: one person's face set over another's in several ways."""

from dataclasses import astuple

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import AlignmentConfig, align, composite, scale_of, warp
from mien.geometry.masks import erode_and_feather
from mien.imaging.color import in_scene_colors
from mien.imaging.seam import score_seam
from mien.testing import portraits


@pytest.fixture(scope="module")
def there():
    portrait = portraits()[0]
    return align(portrait.image, portrait.landmarks)


@pytest.fixture(scope="module")
def face(there):
    """The other person's face with its surroundings, in the colors of the first."""
    portrait = portraits()[1]
    crop = align(portrait.image, portrait.landmarks)
    whole = warp(crop.scene, crop.to_crop, (128, 128))
    return in_scene_colors(whole, there.scene, there.mask, there.to_crop, "reinhard")


def pasted(there, face, erosion=0.1, feather=0.1, change=lambda alpha: alpha):
    alpha = change(erode_and_feather(there.mask, erosion, feather)).astype(np.float32)
    return composite(there.scene, face, alpha, there.to_crop)


def fit(there, face, result):
    return score_seam(there.scene, result, face, there.mask, there.to_crop)


def test_a_scene_that_stayed_as_it_was_has_no_seam_and_no_face(there, face):
    assert astuple(fit(there, face, there.scene)) == pytest.approx((0, 0, 0), abs=1e-6)


def test_the_harder_a_face_is_pasted_the_more_of_a_seam_it_has(there, face):
    hard, soft, softer = (fit(there, face, pasted(there, face, 0.1, width)) for width in (0.0, 0.1, 0.2))
    assert hard.seam > 1.2 * soft.seam > 1.2 * 1.2 * softer.seam
    assert hard.score > soft.score > softer.score


@pytest.mark.parametrize("erosion", [0.02, 0.1, 0.2, 0.3])
def test_a_seam_counts_wherever_below_the_masks_edge_it_lies(there, face, erosion):
    lighter = np.clip(face.astype(int) + 45, 0, 255).astype(np.uint8)
    hard, soft = (fit(there, lighter, pasted(there, lighter, erosion, width)) for width in (0.0, 0.15))
    assert hard.seam > 1.5 * soft.seam


def test_a_seam_on_one_cheek_counts(there, face):
    right = np.arange(128) > 74
    lighter = np.clip(face.astype(int) + 45, 0, 255).astype(np.uint8)
    soft = erode_and_feather(there.mask, 0.1, 0.15)
    hard = erode_and_feather(there.mask, 0.1, 0.0)
    partly = fit(there, lighter, pasted(there, lighter, change=lambda alpha: np.where(right, hard, soft)))
    nowhere = fit(there, lighter, pasted(there, lighter, change=lambda alpha: soft))
    assert partly.seam > 1.2 * nowhere.seam


def test_an_outline_that_is_smeared_counts_half(there, face):
    blurred = cv2.GaussianBlur(there.scene, (0, 0), 5)
    smeared = fit(there, face, blurred)
    assert smeared.seam > 0.5
    sharpened = fit(there, face, np.clip(2.0 * there.scene - blurred, 0, 255).astype(np.uint8))
    assert sharpened.seam > smeared.seam


def test_a_cast_of_color_counts_as_large_as_it_is(there, face):
    gray = np.full_like(there.scene, 128)
    other = composite(gray, np.full_like(face, 152), there.mask, there.to_crop)
    told = score_seam(gray, other, face, there.mask, there.to_crop)
    assert told.color == pytest.approx(9.4, abs=1)  # L* of 152 less that of 128


def test_how_large_the_face_is_in_the_scene_does_not_matter(there, face):
    result = pasted(there, face)
    told = fit(there, face, result)
    larger = cv2.resize(there.scene, None, fx=2, fy=2), cv2.resize(result, None, fx=2, fy=2)
    to_crop = there.to_crop / 2
    to_crop[:, 2] = there.to_crop[:, 2] + there.to_crop[:, :2] @ [-0.25, -0.25]
    assert scale_of(to_crop) == pytest.approx(scale_of(there.to_crop) / 2)
    again = score_seam(*larger, face, there.mask, to_crop)
    assert astuple(again) == pytest.approx(astuple(told), rel=0.15)


@pytest.mark.parametrize("size", [32, 64])
def test_faces_of_any_size_are_scored_alike(there, face, size):
    portrait = portraits()[0]
    small = align(portrait.image, portrait.landmarks, AlignmentConfig(size=size))
    drawn = cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA)
    told = score_seam(small.scene, pasted(there, face), drawn, small.mask, small.to_crop)
    assert told.color == pytest.approx(fit(there, face, pasted(there, face)).color, rel=0.1)
    assert told.shown > 0.6


def test_what_is_hardly_there_is_hardly_shown(there, face):
    whole, faint = (
        fit(there, face, pasted(there, face, change=lambda alpha, s=share: s * alpha)) for share in (1.0, 0.2)
    )
    assert whole.shown > 0.85
    assert faint.shown == pytest.approx(0.2, abs=0.1)


def test_the_black_beyond_the_scene_is_no_seam(there, face):
    x = round(float(portraits()[0].landmarks[:, 0].mean()))
    half = align(np.ascontiguousarray(there.scene[:, x:]), portraits()[0].landmarks - np.array([x, 0], np.float32))
    told = score_seam(half.scene, half.scene.copy(), face, half.mask, half.to_crop)
    assert astuple(told) == pytest.approx((0, 0, 0), abs=1e-6)


def test_a_face_beyond_the_scene_is_nothing_to_judge(there, face):
    away = there.to_crop + np.array([[0, 0, 5000.0], [0, 0, 0]])
    told = score_seam(there.scene, there.scene, face, there.mask, away)
    assert (told.seam, told.color) == (0, 0)
