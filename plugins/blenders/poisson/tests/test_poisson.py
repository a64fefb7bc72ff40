"""What seamless cloning keeps of the face, what it takes of the scene, and what it leaves alone."""

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import align, composite, warp
from mien.testing import BlenderContract, portraits
from mien_blender_poisson.poisson import Poisson, PoissonConfig

WHERE_IT_IS = np.eye(2, 3)


class TestPoisson(BlenderContract):
    name = "poisson"


class TestMixed(BlenderContract):
    name = "poisson"
    settings = {"mode": "mixed", "color": "histogram"}


class TestToTheEdge(BlenderContract):
    name = "poisson"
    settings = {"erosion": 0.0, "color": "none"}


@pytest.fixture(scope="module")
def crops():
    """Mask, and two faces with their surroundings: uint8 (128, 128, 3). The first is the scene, not to be resampled."""
    one, other = (align(portrait.image, portrait.landmarks) for portrait in portraits())
    scene, face = (warp(crop.scene, crop.to_crop, (128, 128)) for crop in (one, other))
    return one.mask, scene, face


def blended(scene, face, mask, **settings):
    config = PoissonConfig(**{"color": "none", **settings})
    return Poisson(config).blend(scene, face, mask, WHERE_IT_IS).astype(np.float32)


def depth_of(mask):
    """How deep inside the mask each pixel lies, in pixels."""
    return cv2.distanceTransform((mask >= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def gradients(image):
    gray = np.asarray(image, np.float32).mean(2)
    return np.stack([cv2.Sobel(gray, -1, 1, 0, scale=1 / 8), cv2.Sobel(gray, -1, 0, 1, scale=1 / 8)])


def test_at_its_edge_the_face_has_the_scenes_colors(crops):
    mask, scene, face = crops
    depth = depth_of(mask)
    rim = (depth > 0) & (depth < 2)

    def step(image):
        return np.abs(image.astype(np.float32) - scene)[rim].mean()

    hard = composite(scene, face, (mask >= 0.5).astype(np.float32), WHERE_IT_IS)
    assert step(hard) > 30
    assert step(blended(scene, face, mask, erosion=0.0)) < 5


def test_inside_it_has_the_faces_gradients(crops):
    mask, scene, face = crops
    middle = depth_of(mask) > 12
    ours, theirs, drawn = (gradients(p)[:, middle] for p in (blended(scene, face, mask, erosion=0.0), scene, face))
    assert np.abs(theirs - drawn).mean() > 5
    assert np.abs(ours - drawn).mean() < 0.15 * np.abs(theirs - drawn).mean()


@pytest.mark.parametrize("mode", ["normal", "mixed"])
def test_the_same_face_in_another_light_becomes_the_face_that_was_there(crops, mode):
    mask, scene, _ = crops
    scene = (scene * 0.6 + 30).astype(np.uint8)
    lighter = (scene + np.array([40, 20, 30])).astype(np.uint8)
    assert np.abs(blended(scene, lighter, mask, mode=mode) - scene).max() <= 2


@pytest.mark.parametrize("half", [np.s_[:, :71], np.s_[:53], np.s_[20:97, 31:]])
def test_a_mask_off_the_middle_moves_nothing(crops, half):
    mask, scene, _ = crops
    part = np.zeros_like(mask)
    part[half] = mask[half]
    assert np.abs(blended(scene, scene, part) - scene).max() <= 1


@pytest.mark.parametrize("size", [16, 24])
def test_a_small_face_is_cloned_too(crops, size):
    mask, scene, face = (cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in crops)
    middle = depth_of(mask) > size / 8
    ours, drawn = gradients(blended(scene, face, mask))[:, middle], gradients(face)[:, middle]
    assert np.corrcoef(ours.ravel(), drawn.ravel())[0, 1] > 0.8


def test_mixed_lets_what_is_in_front_of_the_face_show_through(crops):
    mask, scene, face = crops
    glasses = scene.copy()
    cv2.rectangle(glasses, (40, 44), (88, 64), (0, 0, 0), 1)

    def darkness(mode):
        without, with_glasses = (blended(image, face, mask, mode=mode) for image in (scene, glasses))
        return (without - with_glasses)[64, 45:84].mean()

    assert darkness("normal") < 3
    assert darkness("mixed") > 25


def test_the_black_around_a_face_makes_no_rim(crops):
    mask = crops[0]
    gray = np.full((128, 128, 3), 150, np.uint8)
    cut_out = np.rint(gray * mask[..., None]).astype(np.uint8)
    assert np.abs(blended(gray, cut_out, mask, erosion=0.0) - 150).max() <= 1


def test_a_face_that_the_scene_cuts_off_is_not_joined_to_the_black_beyond(crops):
    mask, _, face = crops
    there = np.full((128, 64, 3), 150, np.uint8)
    to_crop = np.array([[1.0, 0, 64], [0, 1, 0]])
    seen = mask.copy()
    seen[:, :64] = 0
    even = np.rint(150 * seen[..., None] * np.ones(3)).astype(np.uint8)
    assert np.abs(Poisson(PoissonConfig(color="none")).blend(there, even, seen, to_crop) - 150.0).max() <= 1
    drawn = Poisson(PoissonConfig(color="none")).blend(there, face, seen, to_crop)
    middle = np.s_[40:90, :20]
    alike = np.corrcoef(drawn[middle].mean(2).ravel(), face[:, 64:][middle].mean(2).ravel())[0, 1]
    assert alike > 0.95
