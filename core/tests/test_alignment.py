"""One transform there, its inverse back: whatever the face's size, rotation and place."""

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.geometry.alignment import (
    LEFT_EYE,
    RIGHT_EYE,
    AlignmentConfig,
    align,
    composite,
    covered_region,
    into_region,
    inverse,
    scale_of,
    share_in_scene,
    similarity_to_crop,
    transform_points,
    warp,
)
from mien.geometry.masks import erode_and_feather, hull_mask
from mien.testing import portraits

FACES = [portrait.landmarks for portrait in portraits()]
SIZES = st.sampled_from([16, 32, 64, 100, 128])


@st.composite
def placed_faces(draw: Any, smallest_px: float = 4, largest_px: float = 1500) -> NDArray[np.float32]:
    """Real landmarks, of any size and rotation, anywhere around the origin: float32 (68, 2)."""
    face = draw(st.sampled_from(FACES)).astype(np.float64)
    face = (face - face.mean(0)) / np.ptp(face, axis=0).max() * draw(st.floats(smallest_px, largest_px))
    angle = draw(st.floats(-math.pi, math.pi))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    place = draw(st.tuples(st.floats(-300, 3000), st.floats(-300, 3000)))
    return (face @ turn.T + place).astype(np.float32)


def in_a_scene(face: NDArray[np.float32], size: int = 128) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """The face moved into a scene with room for its crop and a crop's pixel around; that scene's (height, width)."""
    near, far = -2, size + 1
    crop_corners = np.array([[near, near], [far, near], [far, far], [near, far]], np.float32)
    at = transform_points(inverse(similarity_to_crop(face, AlignmentConfig(size=size))), crop_corners)
    low, high = at.min(0) - 2, at.max(0) + 2
    width, height = np.ceil(high - low).astype(int)
    return (face - low).astype(np.float32), (height, width)


def smooth_scene(height: int, width: int) -> NDArray[np.uint8]:
    """Slow waves of color: uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width) * 2 * math.pi
    waves = np.stack([np.sin(x + 1), np.cos(y), np.sin(x - y)], axis=-1)
    return np.rint(127.5 + 100 * waves).astype(np.uint8)


@settings(deadline=None)
@given(placed_faces(), SIZES)
def test_points_come_back_to_where_they_were(face, size):
    to_crop = similarity_to_crop(face, AlignmentConfig(size=size))
    back = transform_points(inverse(to_crop), transform_points(to_crop, face))
    assert np.abs(back - face).max() < 2e-3


@settings(deadline=None)
@given(placed_faces(), SIZES)
def test_it_is_a_similarity(face, size):
    linear = similarity_to_crop(face, AlignmentConfig(size=size))[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.linalg.det(linear) * np.eye(2), atol=1e-9)


@settings(deadline=None)
@given(placed_faces(), SIZES, st.floats(0, 1))
def test_eyes_are_level_and_landmarks_keep_the_margin(face, size, margin):
    landmarks = transform_points(similarity_to_crop(face, AlignmentConfig(size=size, margin=margin)), face)
    left, right = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    assert left[0] < right[0]
    assert abs(left[1] - right[1]) < 1e-3 * size
    shares = (landmarks + 0.5) / size
    assert shares.min() == pytest.approx(margin / (1 + 2 * margin), abs=1e-3)
    assert shares.max() == pytest.approx(1 - margin / (1 + 2 * margin), abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(placed_faces(smallest_px=60, largest_px=900))
def test_a_smooth_image_comes_back_inside_the_mask(face):
    face, (height, width) = in_a_scene(face)
    scene = smooth_scene(height, width)
    crop = align(scene, face)
    alpha = erode_and_feather(crop.mask, 0.05, 0)
    back = composite(scene, crop.image, alpha, crop.to_crop)
    inside = set_back(alpha, crop.to_crop, scene.shape) > 0.999
    assert inside.any()
    assert np.abs(back.astype(int) - scene)[inside].max() <= 3


@pytest.mark.parametrize(
    ("portrait", "levels"), list(zip(portraits(), (2.5, 5.5), strict=True)), ids=["smooth", "wrinkled"]
)
def test_a_real_face_comes_back_but_for_its_finest_detail(portrait, levels):
    crop = align(portrait.image, portrait.landmarks)
    alpha = erode_and_feather(crop.mask, 0.1, 0.1)
    back = composite(portrait.image, crop.image, alpha, crop.to_crop)
    inside = set_back(alpha, crop.to_crop, portrait.image.shape) > 0.999
    apart = back.astype(np.float32) - portrait.image
    assert np.abs(apart)[inside].mean() < levels  # measured: 2.3 and 5.0 of 255
    coarse = cv2.GaussianBlur(apart * inside[..., None], (0, 0), 2)
    assert np.abs(coarse)[inside].mean() < 0.7  # measured: 0.4 and 0.6


@settings(max_examples=40, deadline=None)
@given(placed_faces(smallest_px=20, largest_px=600), SIZES)
def test_a_pixel_of_the_crop_shows_the_place_that_the_transform_says(face, size):
    face, (height, width) = in_a_scene(face, size)
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    to_crop = similarity_to_crop(face, AlignmentConfig(size=size))
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(-1, 2).astype(np.float32)
    expected = transform_points(inverse(to_crop), pixels).reshape(size, size, 2)
    for axis in (0, 1):
        shown = warp(np.ascontiguousarray(places[..., axis]), to_crop, (size, size))
        assert np.abs(shown - expected[..., axis]).max() * scale_of(to_crop) < 2e-3, "in pixels of the crop"


@settings(max_examples=40, deadline=None)
@given(placed_faces(smallest_px=20, largest_px=500), SIZES)
def test_nothing_of_the_scene_is_lost_at_the_crops_edges(face, size):
    face, shape = in_a_scene(face, size)
    white = np.full((*shape, 3), 255, np.uint8)
    crop = align(white, face, AlignmentConfig(size=size))
    assert (warp(white, crop.to_crop, (size, size)) == 255).all()
    assert np.array_equal(crop.image, warp(white, crop.to_crop, (size, size)))
    assert np.array_equal(crop.mask, hull_mask(crop.landmarks, size, 0.1))


@settings(max_examples=60, deadline=None)
@given(placed_faces(smallest_px=8, largest_px=400), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
def test_the_mask_and_the_crop_are_black_outside_of_the_scene(face, right, down):
    face, (height, width) = in_a_scene(face)
    face = (face + np.array([right * width, down * height])).astype(np.float32)
    crop = align(np.full((height, width, 3), 200, np.uint8), face)
    y, x = np.mgrid[:128, :128]
    at = transform_points(inverse(crop.to_crop), np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32))
    # Within a pixel of the border, the scene's or the crop's, the mask fades.
    fade = max(1.0, 1.6 / scale_of(crop.to_crop))
    outside = ((at < -fade) | (at > np.array([width - 1, height - 1]) + fade)).any(1).reshape(128, 128)
    assert not crop.mask[outside].any()
    assert not crop.image[outside].any()
    assert not crop.masked_image[crop.mask == 0].any()


@settings(max_examples=60, deadline=None)
@given(placed_faces(smallest_px=8, largest_px=400), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), SIZES)
def test_a_face_anywhere_at_the_border_is_set_back_inside_its_mask_only(face, right, down, size):
    face, (height, width) = in_a_scene(face)
    face = (face + np.array([right * width, down * height])).astype(np.float32)
    scene = smooth_scene(height, width)
    crop = align(scene, face, AlignmentConfig(size=size))
    assert crop.image.shape == (size, size, 3)
    result = composite(scene, 255 - crop.image, crop.mask, crop.to_crop)
    untouched = set_back(crop.mask, crop.to_crop, scene.shape) == 0
    assert np.array_equal(result[untouched], scene[untouched])


@settings(max_examples=200, deadline=None)
@given(placed_faces(smallest_px=2, largest_px=60), SIZES)
def test_the_covered_region_holds_all_that_is_set_back(face, size):
    face, shape = in_a_scene(face)
    to_crop = similarity_to_crop(face, AlignmentConfig(size=size))
    region = covered_region(to_crop, size, shape)
    everywhere = warp(np.ones((size, size), np.float32), inverse(to_crop), (shape[1], shape[0]))
    within = np.zeros(shape, bool)
    within[region] = True
    assert not everywhere[~within].any()


@pytest.mark.parametrize("dilation", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("size", [16, 64, 128])
def test_the_mask_is_the_dilated_hull_with_a_soft_edge(size, dilation):
    for face in FACES:
        landmarks = transform_points(similarity_to_crop(face, AlignmentConfig(size=size, margin=0.3)), face)
        mask = hull_mask(landmarks, size, dilation)
        hull = cv2.convexHull(landmarks)
        depth = np.array(
            [[cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x in range(size)] for y in range(size)]
        )
        depth += dilation * size / 2  # positive inside
        assert (mask[depth > 0.75] == 1).all()
        assert (mask[depth < -0.75] == 0).all()
        edge = np.abs(depth) < 0.5
        assert np.abs(mask - (depth + 0.5))[edge].mean() < 0.15, "an edge pixel counts by how much of it is covered"


@settings(deadline=None)
@given(placed_faces(), st.floats(0, 1), st.floats(0, 1), SIZES)
def test_eroding_never_grows_a_mask(face, erosion, feather, size):
    landmarks = transform_points(similarity_to_crop(face, AlignmentConfig(size=size)), face)
    mask = hull_mask(landmarks, size, 0.1)
    soft = erode_and_feather(mask, erosion, feather)
    assert soft.dtype == np.float32
    assert (soft <= mask).all()
    assert not soft[mask == 0].any()


def test_eroding_takes_half_the_kernel_from_each_side_and_feathers_inwards():
    mask = np.ones((100, 100), np.float32)
    soft = erode_and_feather(mask, 0.2, 0.1)
    middle = soft[50]
    assert not middle[:9].any() and not middle[-9:].any()
    assert (np.diff(middle[9:20]) > 0).all()
    assert (middle[21:-21] == 1).all()


def test_a_face_cut_off_by_the_border_does_not_fade_towards_it():
    portrait = portraits()[0]
    x = round(float(portrait.landmarks[:, 0].mean()))
    scene = np.ascontiguousarray(portrait.image[:, x:])
    crop = align(scene, portrait.landmarks - np.array([x, 0], np.float32))
    in_scene = share_in_scene(crop.to_crop, 128, scene.shape)
    soft = erode_and_feather(crop.mask, 0.1, 0.1, in_scene)
    uncut = hull_mask(crop.landmarks, 128, 0.1)
    np.testing.assert_allclose(soft, erode_and_feather(uncut, 0.1, 0.1) * in_scene, atol=0.25)
    border = set_back(soft, crop.to_crop, scene.shape)[:, 0]
    assert border.max() > 0.9
    assert not soft[crop.mask == 0].any()


@settings(max_examples=20, deadline=None)
@given(placed_faces(smallest_px=4, largest_px=60))
def test_a_face_smaller_than_its_crop_is_set_back_without_growing(face):
    face, shape = in_a_scene(face)
    scene = np.zeros((*shape, 3), np.uint8)
    crop = align(scene, face)
    lit = composite(scene, np.full((128, 128, 3), 255, np.uint8), crop.mask, crop.to_crop)
    expected = crop.mask.sum() / scale_of(crop.to_crop) ** 2
    assert lit[..., 0].sum() / 255 == pytest.approx(expected, rel=0.05, abs=1)


def set_back(mask: NDArray[np.float32], to_crop: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A mask in the scene's pixels: float32 (H, W)."""
    share = np.zeros(shape[:2], np.float32)
    region = covered_region(to_crop, mask.shape[0], shape)
    share[region] = into_region(mask, to_crop, region)
    return share


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 3.3])
def test_an_enlarged_face_does_not_ring_beyond_its_own_colors(scale):
    """Squares of two levels, turned: a cubic alone would pass both by a tenth of what they differ by."""
    face = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((8, 8)))[..., None].repeat(3, 2) * 100 + 80
    alpha = np.zeros((128, 128), np.float32)
    alpha[20:100, 30:110] = 1
    outside = np.where(alpha[..., None] > 0, face, 0).astype(np.uint8)
    linear = np.array([[math.cos(0.3), math.sin(0.3)], [-math.sin(0.3), math.cos(0.3)]]) / scale
    to_crop = np.column_stack([linear, [10.3, -5.1]])
    scene = np.full((300, 400, 3), 130, np.uint8)
    result = composite(scene, outside, alpha, to_crop)
    assert result.min() >= 80 - 1 and result.max() <= 180 + 1
    assert (result[set_back(alpha, to_crop, scene.shape) == 0] == 130).all()


def test_a_narrow_top_leaves_the_brows_whole_and_the_cheeks_soft():
    landmarks = transform_points(similarity_to_crop(FACES[0], AlignmentConfig(margin=0.1, shift_y=0.08)), FACES[0])
    raised = landmarks[17:27] - np.array([0, 20], np.float32)
    mask = hull_mask(np.concatenate([landmarks, raised]), 128, 0.1)
    wide, narrow = (erode_and_feather(mask, 0.1, 0.1, feather_top=top) for top in (None, 0.03))
    brows = tuple(np.rint(landmarks[17:27]).astype(int).T[::-1])
    assert narrow[brows].min() > 0.7 > wide[brows].min()
    chin = slice(int(landmarks[8, 1]) - 10, 128)
    assert np.array_equal(narrow[chin], wide[chin])
    assert (narrow >= wide).all() and not narrow[mask == 0].any()
