"""How well somebody who is drawn suits the head that they are drawn over."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.anonymization.suitability import misfits
from mien.evaluation.expression_judge import ExpressionJudge
from mien.media.images import read_image
from mien.plugins.registry import Registry

STILL = Path(__file__).resolve().parents[2] / "tests" / "data" / "images" / "stills" / "grace_hopper.jpg"
CHIN, LIPS, BROWS = slice(5, 12), slice(48, 60), slice(17, 27)


@pytest.fixture(scope="module")
def image():
    return read_image(STILL)


@pytest.fixture(scope="module")
def landmarks(image):
    return Registry().create("extractor", "blazeface").extract(image)[0].landmarks


def misfit(original, drawn, landmarks, expressions=None):
    (one,) = misfits(original, [drawn], landmarks, expressions)
    return one


def changed(image, points, times, blur_px=4.0):
    """The image, darker or lighter within the hull of some points."""
    inside = np.zeros(image.shape[:2], np.float32)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(points).astype(np.int32)), 1.0)
    share = cv2.GaussianBlur(inside, (0, 0), blur_px)[..., None]
    return np.clip(image * (1 + share * (times - 1)), 0, 255).astype(np.uint8)


def test_the_face_itself_fits(image, landmarks):
    assert misfit(image, image, landmarks) == 0


def test_a_beards_shadow_and_dark_brows_do_not_suit_somebody_without(image, landmarks):
    jaw = np.concatenate([landmarks[CHIN], landmarks[LIPS]])
    some, more = (misfit(image, changed(image, jaw, times), landmarks) for times in (0.85, 0.7))
    assert 0.5 < some < 0.7 * more
    assert misfit(image, changed(image, landmarks[BROWS], 0.6), landmarks) > 0.5


def test_other_lips_and_what_is_fine_do_not_count(image, landmarks):
    assert misfit(image, changed(image, landmarks[48:68], 0.6, blur_px=0.5), landmarks) < 0.2
    noise = np.random.default_rng(0).normal(0, 8, image.shape)
    assert misfit(image, np.clip(image + noise, 0, 255).astype(np.uint8), landmarks) < 0.5


def test_it_says_the_same_of_a_face_of_any_size(image, landmarks):
    jaw = np.concatenate([landmarks[CHIN], landmarks[LIPS]])
    dark = changed(image, jaw, 0.7)
    half = [cv2.resize(each, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for each in (image, dark)]
    whole, smaller = misfit(image, dark, landmarks), misfit(*half, (landmarks + 0.5) / 2 - 0.5)
    assert smaller == pytest.approx(whole, rel=0.05)


def test_somebody_who_seems_to_pout_suits_nobody_who_is_calm(image, landmarks):
    """The mouth of a face is set a little higher, as some people have it; light and dark hardly change."""
    judge = ExpressionJudge(Registry(), "blendshapes")
    mouth = np.zeros(image.shape[:2], np.float32)
    cv2.fillConvexPoly(mouth, cv2.convexHull(np.rint(landmarks[LIPS]).astype(np.int32)), 1.0)
    share = cv2.GaussianBlur(cv2.dilate(mouth, np.ones((9, 9), np.uint8)), (0, 0), 3)
    y, x = np.indices(mouth.shape, np.float32)
    up = 0.08 * float(np.ptp(landmarks[:17, 0]))
    pouting = cv2.remap(image, x, y + up * share, cv2.INTER_LINEAR)
    assert misfit(image, image, landmarks, judge) == 0
    by_light, with_it = misfit(image, pouting, landmarks), misfit(image, pouting, landmarks, judge)
    assert with_it > by_light + 0.5
