"""How widely each band fades, and that nothing but face and scene is in the mixture."""

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import align, composite, warp
from mien.testing import BlenderContract, portraits
from mien_blender_multiband.multiband import Multiband, MultibandConfig

WHERE_IT_IS = np.eye(2, 3)


class TestMultiband(BlenderContract):
    name = "multiband"


class TestOneLevel(BlenderContract):
    name = "multiband"
    settings = {"levels": 1, "color": "histogram"}


class TestManyLevelsToTheEdge(BlenderContract):
    name = "multiband"
    settings = {"levels": 8, "erosion": 0.0, "color": "none"}


@pytest.fixture(scope="module")
def crops():
    """Mask, and two faces with their surroundings: uint8 (128, 128, 3). The first is the scene, not to be resampled."""
    one, other = (align(portrait.image, portrait.landmarks) for portrait in portraits())
    scene, face = (warp(crop.scene, crop.to_crop, (128, 128)) for crop in (one, other))
    return one.mask, scene, face


def blended(scene, face, mask, **settings):
    config = MultibandConfig(**{"color": "none", "erosion": 0.0, **settings})
    return Multiband(config).blend(scene, face, mask, WHERE_IT_IS).astype(np.float32)


def depth_of(mask):
    """How deep inside the mask each pixel lies, in pixels."""
    return cv2.distanceTransform((mask >= 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def test_colors_fade_widely_and_detail_narrowly(crops):
    mask, scene, _ = crops
    scene = (scene * 0.6 + 50).astype(np.uint8)
    pattern = np.indices((128, 128)).sum(0)[..., None] % 2 * 2 - 1
    lighter, finer = (np.clip(scene + 30 * change, 0, 255).astype(np.uint8) for change in (1, pattern))
    depth = depth_of(mask)

    def share(face, low, high):
        ring = (depth > low) & (depth <= high)
        return np.abs(blended(scene, face, mask) - scene)[ring].mean() / 30

    assert share(finer, 6, 9) > 0.9
    assert share(lighter, 6, 9) < 0.35
    assert share(lighter, 36, 99) > 0.7


def test_at_its_edge_the_face_has_the_scenes_colors(crops):
    mask, scene, face = crops
    depth = depth_of(mask)
    rim = (depth > 0) & (depth < 3)

    def step(image):
        return np.abs(image.astype(np.float32) - scene)[rim].mean()

    hard = composite(scene, face, (mask >= 0.5).astype(np.float32), WHERE_IT_IS)
    assert step(hard) > 30
    assert step(blended(scene, face, mask)) < 0.2 * step(hard)


def test_in_the_middle_it_is_the_face(crops):
    mask, scene, face = crops
    middle = depth_of(mask) > 40
    apart = np.abs(scene.astype(np.float32) - face)[middle].mean()
    assert np.abs(blended(scene, face, mask) - face)[middle].mean() < 0.25 * apart


def test_more_levels_make_a_softer_edge(crops):
    mask, scene, _ = crops
    scene = (scene * 0.6 + 50).astype(np.uint8)
    lighter = (scene + 40).astype(np.uint8)

    def steepest(levels):
        change = (blended(scene, lighter, mask, levels=levels) - scene).mean(2)
        return np.abs(np.diff(change, axis=1)).max()

    assert steepest(1) > 2 * steepest(4)


@pytest.mark.parametrize("levels", [1, 4, 8])
def test_a_face_over_itself_stays(crops, levels):
    mask, scene, _ = crops
    apart = np.abs(blended(scene, scene, mask, levels=levels) - scene)
    assert apart[depth_of(mask) > 16].max() <= 5
    assert apart.mean() < 1


def test_the_black_around_a_face_makes_no_rim(crops):
    mask = crops[0]
    gray = np.full((128, 128, 3), 150, np.uint8)
    cut_out = np.rint(gray * mask[..., None]).astype(np.uint8)
    assert np.abs(blended(gray, cut_out, mask) - 150).max() <= 1


def test_a_face_that_the_scene_cuts_off_does_not_fade_there(crops):
    mask = crops[0]
    scene, lighter = (np.full((128, 128, 3), level, np.uint8) for level in (120, 180))
    whole = blended(scene, lighter, mask)
    to_crop = np.array([[1.0, 0, 64], [0, 1, 0]])
    seen = mask.copy()
    seen[:, :64] = 0
    config = MultibandConfig(color="none", erosion=0.0)
    cut_off = Multiband(config).blend(scene[:, :64], lighter, seen, to_crop)
    middle = np.s_[50:80, :16]
    assert whole[:, 64:][middle].min() > 150
    assert np.abs(cut_off - whole[:, 64:])[middle].max() <= 12
