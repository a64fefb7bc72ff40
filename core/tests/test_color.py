"""Colors and sharpness of a real face, measured before and after."""

import cv2
import numpy as np
import pytest

from mien.contracts.plugin import read_config
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.imaging.color import (
    ColorConfig,
    from_lab,
    in_scene_colors,
    match_colors,
    match_histograms,
    sharpen,
    soften,
    to_lab,
)
from mien.testing import portraits


@pytest.fixture(scope="module")
def faces():
    return [align(portrait.image, portrait.landmarks) for portrait in portraits()]


def statistics(image, mask):
    inside = to_lab(image)[mask == 1]
    return np.array([inside.mean(0), inside.std(0)])


def test_a_matched_face_has_the_references_mean_and_spread(faces):
    face, reference = faces
    both = (face.mask == 1) & (reference.mask == 1)
    matched = match_colors(face.image, reference.image, both.astype(np.float32))
    before = np.abs(statistics(face.image, both) - statistics(reference.image, both))
    after = np.abs(statistics(matched, both) - statistics(reference.image, both))
    assert before[0].max() > 10
    assert after.max() < 2  # what no screen can show is clipped, and the spread is matched below the grain


def test_a_face_matched_to_itself_stays(faces):
    face = faces[0]
    assert np.abs(match_colors(face.image, face.image, face.mask).astype(int) - face.image).max() <= 1


def test_without_any_weight_a_face_stays(faces):
    face, reference = faces
    matched = match_colors(face.image, reference.image, np.zeros_like(face.mask))
    assert np.array_equal(matched, face.image)
    assert matched is not face.image


def test_the_contrast_of_a_flat_face_is_at_most_doubled(faces):
    reference = faces[0]
    flat = np.full((128, 128, 3), 100, np.uint8)
    flat[::2] += 2
    matched = match_colors(flat, reference.image, reference.mask)
    assert np.abs(matched[0].astype(int) - matched[1]).max() <= 2 * 2 + 1


def detail(image, mask):
    lightness = to_lab(image)[..., 0]
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


def test_lab_and_back_is_the_same_image(faces):
    assert np.abs(from_lab(to_lab(faces[0].image)).astype(int) - faces[0].image).max() <= 1


def by_rank(image, mask):
    """Lightness at the tenths of the pixels inside, from dark to bright."""
    return np.quantile(to_lab(image)[..., 0][mask == 1], np.linspace(0.1, 0.9, 9))


def test_histograms_bring_shadows_and_lights_each_to_those_of_the_reference(faces):
    face, reference = faces
    both = (face.mask == 1) & (reference.mask == 1)
    weights = both.astype(np.float32)
    apart = [
        np.abs(by_rank(image, both) - by_rank(reference.image, both)).max()
        for image in (
            face.image,
            match_colors(face.image, reference.image, weights),
            match_histograms(face.image, reference.image, weights),
        )
    ]
    assert apart[0] > 10
    assert apart[2] < 1.5 < apart[1]


def test_histograms_of_a_face_and_itself_change_nothing(faces):
    face = faces[0]
    assert np.abs(match_histograms(face.image, face.image, face.mask).astype(int) - face.image).max() <= 1


@pytest.mark.parametrize("match", [match_colors, match_histograms])
@pytest.mark.parametrize("side", [1, 3, 8])
def test_a_mask_of_few_pixels_shifts_the_colors_and_makes_no_noise(faces, match, side):
    face, reference = faces
    weights = np.zeros_like(face.mask)
    weights[60 : 60 + side, 50 : 50 + side] = 1
    matched = to_lab(match(face.image, reference.image, weights))
    inside = weights == 1
    wanted = to_lab(reference.image)[inside].mean(0)
    assert np.abs(matched[inside].mean(0) - wanted).max() < 2
    middle = cv2.erode(face.mask, np.ones((31, 31))) == 1
    assert matched[middle].std(0)[0] < 2.1 * to_lab(face.image)[middle].std(0)[0]


def test_histograms_double_the_contrast_at_most(faces):
    reference = faces[0]
    flat = np.full((128, 128, 3), 100, np.uint8)
    flat[::2] += 2
    matched = match_histograms(flat, reference.image, reference.mask)
    assert np.abs(matched[0].astype(int) - matched[1]).max() <= 2 * 2 + 1
    poster = np.where(reference.image > 127, 255, 0).astype(np.uint8)
    smooth = np.tile(np.arange(64, 192, dtype=np.uint8)[:, None, None], (1, 128, 3))
    assert np.diff(to_lab(match_histograms(smooth, poster, reference.mask))[..., 0], axis=0).max() < 2 * 0.45 + 0.45


def test_what_hardly_counts_hardly_matters(faces):
    face, reference = faces
    weights = (cv2.erode(face.mask, np.ones((31, 31))) == 1).astype(np.float32)
    faint = np.maximum(weights, 1e-4 * (np.arange(128) < 40))
    alone, beside = (match_histograms(face.image, reference.image, w.astype(np.float32)) for w in (weights, faint))
    assert np.abs(alone.astype(int) - beside).max() <= 3


@pytest.mark.parametrize("how", ["reinhard", "histogram"])
def test_a_face_comes_into_the_colors_of_what_it_covers(faces, how):
    there, face = faces
    colored = in_scene_colors(face.image, there.scene, there.mask, there.to_crop, how)
    inside = (there.mask == 1) & (face.mask == 1)
    apart = [
        np.abs(to_lab(p)[inside].mean(0) - to_lab(there.image)[inside].mean(0)).max() for p in (face.image, colored)
    ]
    assert apart[1] < 0.35 * apart[0]


def test_the_grain_of_a_scene_is_no_contrast(faces):
    face, reference = faces
    noise = np.random.default_rng(0).normal(0, 12, reference.image.shape)
    noisy = np.clip(np.rint(reference.image + noise), 0, 255).astype(np.uint8)
    both = ((face.mask == 1) & (reference.mask == 1)).astype(np.float32)
    clean, grainy = (statistics(match_colors(face.image, to, both), both)[1] for to in (reference.image, noisy))
    assert np.abs(grainy / clean - 1).max() < 0.12
    assert (statistics(noisy, both)[1] / statistics(reference.image, both)[1]).max() > 1.3


@pytest.mark.parametrize("how", ["reinhard", "histogram"])
def test_a_face_in_a_black_and_white_image_is_black_and_white(faces, how):
    there, face = faces
    gray = np.repeat(cv2.cvtColor(there.scene, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    colored = in_scene_colors(face.image, gray, there.mask, there.to_crop, how).astype(int)
    inside = (there.mask == 1) & (face.mask == 1)
    assert np.ptp(face.image.astype(int), axis=2)[inside].mean() > 20
    assert np.ptp(colored, axis=2).max() <= 2
    assert to_lab(colored.astype(np.uint8))[..., 0][inside].std() > 5, "its light and shade stay"


def test_colors_can_be_left_as_they_are(faces):
    there, face = faces
    colored = in_scene_colors(face.image, there.scene, there.mask, there.to_crop, "none")
    assert np.array_equal(colored, face.image)
    assert colored is not face.image


@pytest.mark.parametrize("how", ["reinhard", "histogram"])
def test_the_black_beyond_the_scene_is_none_of_its_colors(faces, how):
    there, face = faces
    x = round(float(np.linalg.inv(np.vstack([there.to_crop, [0, 0, 1]]))[0, 2] + 64 / there.to_crop[0, 0]))
    half = there.to_crop.copy()
    half[:, 2] += half[:, :2] @ [x, 0]
    gray = np.full_like(there.scene[:, x:], 150)
    colored = in_scene_colors(face.image, gray, there.mask, half, how)
    seen = there.mask * (np.arange(128) >= 70)
    assert np.average(to_lab(colored)[..., 0], weights=seen) == pytest.approx(to_lab(gray)[0, 0, 0], abs=6)


def test_a_third_partys_blender_gets_the_setting_from_its_base():
    class Config(ColorConfig):
        """Of somebody's blender."""

    assert read_config(Config, {"color": "histogram"}, "the blender mine").color == "histogram"
    with pytest.raises(MienError, match="reinhard"):
        read_config(Config, {"color": "sepia"}, "the blender mine")
