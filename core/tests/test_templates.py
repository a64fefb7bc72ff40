"""Where each template lays its square, whatever the face's size, turn and place; and the same face cut anew."""

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from mien import Box, Face, MienError
from mien.contracts.plugin import read_config
from mien.geometry.alignment import (
    AlignmentConfig,
    align,
    can_align,
    compose,
    inverse,
    mask_back,
    points_of,
    recut,
    similarity_to_crop,
    transform_points,
)
from mien.geometry.templates import ARCFACE_POINTS, five_points
from mien.testing import portraits

PORTRAITS = portraits()
TEMPLATES = ("landmarks", "arcface", "ffhq", "dlib", "box")


def as_face(landmarks: NDArray[np.float32], angle_degrees: float = 0.0) -> Face:
    """A face with landmarks and the box about them, which is turned by an angle after it was found."""
    (left, top), (right, bottom) = landmarks.min(0).tolist(), landmarks.max(0).tolist()
    return Face(Box(left, top, right, bottom, angle_degrees), landmarks, 1.0)


def moved(face: Face, scale: float, angle: float, shift: tuple[float, float]) -> Face:
    """The face of an image that was scaled, turned clockwise by radians, and shifted."""
    assert face.landmarks is not None
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    landmarks = (face.landmarks @ turn.T + shift).astype(np.float32)
    center = np.array([face.box.left + face.box.right, face.box.top + face.box.bottom]) / 2 @ turn.T + shift
    half = np.array([face.box.right - face.box.left, face.box.bottom - face.box.top]) / 2 * scale
    (left, top), (right, bottom) = center - half, center + half
    return Face(Box(left, top, right, bottom, math.degrees(angle)), landmarks, 1.0)


configs = st.builds(
    AlignmentConfig,
    size=st.integers(16, 1024),
    template=st.sampled_from(TEMPLATES),
    margin=st.floats(0, 1),
    shift_y=st.floats(-0.5, 0.5),
)
faces = st.sampled_from([as_face(portrait.landmarks) for portrait in PORTRAITS])
places = st.tuples(st.floats(-300, 3000), st.floats(-300, 3000))


@given(faces, configs, st.floats(0.1, 8), st.floats(-math.pi, math.pi), places)
def test_a_face_moved_turned_and_scaled_has_the_same_crop(face, config, scale, angle, shift):
    there = moved(face, scale, angle, shift)
    expected = transform_points(similarity_to_crop(face, config), face.landmarks)
    np.testing.assert_allclose(
        transform_points(similarity_to_crop(there, config), there.landmarks), expected, atol=2e-4 * config.size
    )


@given(faces, configs)
def test_it_is_a_similarity_that_comes_back(face, config):
    to_crop = similarity_to_crop(face, config)
    linear = to_crop[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.linalg.det(linear) * np.eye(2), atol=1e-9)
    np.testing.assert_allclose(compose(inverse(to_crop), to_crop), np.eye(2, 3), atol=1e-6)


@given(faces, configs, st.floats(0.01, 0.5))
def test_shift_y_moves_the_face_down_by_a_share_of_the_side_without_margin(face, config, more):
    lower = config.model_copy(update={"shift_y": config.shift_y + more})
    before, after = (transform_points(similarity_to_crop(face, c), face.landmarks) for c in (config, lower))
    expected = np.array([0, more * config.size / (1 + 2 * config.margin)])
    np.testing.assert_allclose(after - before, np.broadcast_to(expected, (68, 2)), atol=2e-3 * config.size)


@given(faces, configs, st.floats(0.01, 1))
def test_a_margin_widens_the_crop_about_its_middle(face, config, more):
    wider = config.model_copy(update={"margin": config.margin + more})
    middle = (config.size - 1) / 2
    before, after = (transform_points(similarity_to_crop(face, c), face.landmarks) - middle for c in (config, wider))
    np.testing.assert_allclose(
        after * (1 + 2 * wider.margin), before * (1 + 2 * config.margin), atol=5e-3 * config.size
    )


@given(faces, configs, st.integers(16, 1024))
def test_another_size_shows_the_same_part_of_the_scene(face, config, size):
    other = config.model_copy(update={"size": size})
    shares = [(transform_points(similarity_to_crop(face, c), face.landmarks) + 0.5) / c.size for c in (config, other)]
    np.testing.assert_allclose(*shares, atol=1e-3)


def test_arcface_fits_the_published_points_as_well_as_opencv_s_least_squares_do():
    for portrait in PORTRAITS:
        to_crop = similarity_to_crop(portrait.landmarks, AlignmentConfig(size=112, template="arcface"))
        five = five_points(portrait.landmarks, {})
        residual = np.linalg.norm(five @ to_crop[:, :2].T + to_crop[:, 2] - ARCFACE_POINTS)
        fitted, _ = cv2.estimateAffinePartial2D(five, ARCFACE_POINTS, method=cv2.LMEDS)
        theirs = np.linalg.norm(five @ fitted[:, :2].T + fitted[:, 2] - ARCFACE_POINTS)
        assert residual <= theirs + 1e-6
        for turn, scale in ((0.01, 1), (-0.01, 1), (0, 1.01), (0, 0.99)):  # nothing near by is nearer
            around = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) * scale
            at = five @ to_crop[:, :2].T + to_crop[:, 2]
            assert np.linalg.norm((at - at.mean(0)) @ around.T + at.mean(0) - ARCFACE_POINTS) > residual


def test_arcface_lays_points_that_are_as_published_exactly_there():
    points = (ARCFACE_POINTS * 2 + (30, 40)).astype(np.float32)
    face = Face(Box(30, 40, 254, 264), None, 1.0, {"five": points})
    to_crop = similarity_to_crop(face, AlignmentConfig(size=112, template="arcface"))
    np.testing.assert_allclose(transform_points(to_crop, points), ARCFACE_POINTS, atol=1e-3)


def test_ffhq_keeps_the_published_proportions():
    """Eyes a tenth of the way from eyes to mouth above the middle; the side as the larger of the two measures says."""
    points = np.array([[100, 100], [160, 100], [130, 130], [110, 170], [150, 170]], np.float32)
    face = Face(Box(60, 40, 200, 220), None, 1.0, {"five": points})
    to_crop = similarity_to_crop(face, AlignmentConfig(size=1024, template="ffhq"))
    side = max(4 * 60, 3.6 * 70)
    shares = (transform_points(to_crop, points) + 0.5) / 1024
    assert shares[:2, 1] == pytest.approx(0.5 - 7 / side, abs=1e-4)
    assert shares[3:, 1] == pytest.approx(0.5 + 63 / side, abs=1e-4)
    assert shares[:, 0].mean() == pytest.approx(0.5, abs=1e-4)


def test_a_box_is_squared_about_its_middle_and_needs_no_landmarks():
    to_crop = similarity_to_crop(Face(Box(100, 50, 200, 250), None, 1.0), AlignmentConfig(template="box", margin=0))
    corners = np.array([[50, 50], [250, 250]], np.float32)
    np.testing.assert_allclose(transform_points(to_crop, corners), [[-0.5, -0.5], [127.5, 127.5]], atol=1e-3)


def test_a_box_that_is_turned_is_laid_level():
    box = Box(100, 50, 200, 250, angle_degrees=90)  # clockwise: what was its top looks to the right
    corners = transform_points(similarity_to_crop(Face(box, None, 1.0), AlignmentConfig(template="box")), box.corners)
    left_top, right_top, right_bottom, _ = corners
    assert left_top[1] == pytest.approx(right_top[1], abs=1e-3)
    assert left_top[0] < right_top[0] and right_top[1] < right_bottom[1]
    np.testing.assert_allclose(box.corners[0], [250, 100], atol=1e-3)


def test_the_published_templates_come_without_margin_if_nothing_is_said():
    assert [AlignmentConfig(template=template).margin for template in TEMPLATES] == [0.05, 0.0, 0.0, 0.25, 0.05]
    assert AlignmentConfig(template="ffhq", margin=0.3).margin == 0.3
    typed = read_config(AlignmentConfig, {"template": "arcface", "size": "112"}, "the alignment")
    assert (typed.size, typed.margin) == (112, 0.0)
    assert AlignmentConfig.model_validate_json(typed.model_dump_json()) == typed


@pytest.mark.parametrize("size", [15, 1025, 0])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValidationError):
        AlignmentConfig(size=size)


def test_what_a_template_needs_and_a_face_has_not_is_told():
    face = Face(Box(0, 0, 100, 100), None, 1.0)
    for template in ("landmarks", "arcface", "ffhq", "dlib"):
        assert not can_align(face, AlignmentConfig(template=template))
        with pytest.raises(MienError, match=template) as caught:
            similarity_to_crop(face, AlignmentConfig(template=template))
        assert "--alignment template=box" in caught.value.fix
    assert can_align(face, AlignmentConfig(template="box"))
    five = replace(face, points={"five": ARCFACE_POINTS.astype(np.float32)})
    assert [can_align(five, AlignmentConfig(template=template)) for template in TEMPLATES] == [
        False,
        True,
        True,
        False,
        True,
    ]


def same_face(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one.to_crop, other.to_crop, atol=2e-3)
    np.testing.assert_allclose(one.landmarks, other.landmarks, atol=2e-3)
    np.testing.assert_allclose(one.points["box"], other.points["box"], atol=2e-2)
    assert np.abs(one.image.astype(int) - other.image).mean() < 0.3


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_crop_is_cut_anew_from_its_scene_as_from_the_start(template):
    for portrait in PORTRAITS:
        crop = align(portrait.image, as_face(portrait.landmarks))
        config = AlignmentConfig(size=200, template=template, margin=0.3)
        same_face(recut(crop, config), align(portrait.image, as_face(portrait.landmarks), config))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_stored_crop_that_covers_another_cut_gives_it_but_for_the_resampling(template):
    for portrait in PORTRAITS:
        stored = align(portrait.image, as_face(portrait.landmarks), AlignmentConfig(size=512, margin=1.0))
        config = AlignmentConfig(size=100, template=template)
        anew = recut(replace(stored, scene=None), config)
        direct = align(portrait.image, as_face(portrait.landmarks), config)
        np.testing.assert_allclose(anew.to_crop, direct.to_crop, atol=2e-3)
        apart = cv2.GaussianBlur(anew.image.astype(np.float32) - direct.image, (0, 0), 2)
        assert np.abs(apart).mean() < 1.5
        assert np.array_equal(np.rint(anew.mask * 255) / np.float32(255), anew.mask)


def test_a_stored_crop_that_does_not_cover_another_cut_says_how_large_a_margin_does():
    portrait = PORTRAITS[0]
    stored = AlignmentConfig()
    crop = replace(align(portrait.image, portrait.landmarks, stored), scene=None)
    wanted = AlignmentConfig(template="ffhq", size=256)
    with pytest.raises(MienError, match="over the edge of the stored crop of 128 px") as caught:
        recut(crop, wanted, stored)
    assert caught.value.fix.startswith(
        "mien preprocess DATASET --again --alignment size=128,template=landmarks,margin="
    )
    margin = float(caught.value.fix.partition("margin=")[2].partition(",")[0])
    enough, less = (stored.model_copy(update={"margin": m}) for m in (margin, margin - 0.1))
    recut(replace(align(portrait.image, portrait.landmarks, enough), scene=None), wanted, enough)
    with pytest.raises(MienError):
        recut(replace(align(portrait.image, portrait.landmarks, less), scene=None), wanted, less)


def test_a_mask_of_another_cut_comes_back_to_its_place():
    portrait = PORTRAITS[0]
    crop = align(portrait.image, portrait.landmarks, AlignmentConfig(margin=0.2))
    other = recut(crop, AlignmentConfig(size=256, template="ffhq"))
    mask = np.zeros((256, 256), np.uint8)
    x, y = other.landmarks[30]
    cv2.circle(mask, (round(float(x)), round(float(y))), 20, 255, -1)
    back = mask_back(mask, other, crop)
    assert (back.shape, back.dtype) == ((128, 128), np.uint8)
    rows, columns = np.nonzero(back > 127)
    np.testing.assert_allclose([columns.mean(), rows.mean()], crop.landmarks[30], atol=1)


def test_all_points_of_a_face_are_on_its_crop():
    portrait = PORTRAITS[0]
    face = replace(as_face(portrait.landmarks), points={"mesh": portrait.landmarks[:10]})
    crop = align(portrait.image, face)
    assert set(crop.points) == set(points_of(face)) == {"mesh", "box"}
    np.testing.assert_allclose(crop.points["mesh"], crop.landmarks[:10], atol=1e-3)
