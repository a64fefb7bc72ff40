"""How the settings change the edge, the detail and the colors of a blended face."""

import cv2
import numpy as np
import pytest

from mien.geometry.alignment import align, warp
from mien.imaging.color import to_lab
from mien.testing import BlenderContract, portraits
from mien_blender_feather.feather import Feather, FeatherConfig


class TestFeather(BlenderContract):
    name = "feather"


class TestSharpen(BlenderContract):
    name = "feather"
    settings = {"detail": "sharpen", "color": "none"}


class TestSoftenWithAHardEdge(BlenderContract):
    name = "feather"
    settings = {"detail": "soften", "erosion": 0.0, "feather": 0.0}


@pytest.fixture(scope="module")
def crops():
    return [align(portrait.image, portrait.landmarks) for portrait in portraits()]


def swapped(crops, **settings):
    """The second face over the first, in the first one's crop: float32 (128, 128, 3)."""
    there, drawn = crops
    blended = Feather(FeatherConfig(**settings)).blend(there.scene, drawn.image, there.mask, there.to_crop)
    return warp(blended, there.to_crop, (128, 128)).astype(np.float32)


def changed_pixels(crops, **settings):
    original = warp(crops[0].scene, crops[0].to_crop, (128, 128)).astype(np.float32)
    return (np.abs(swapped(crops, **settings) - original) > 3).any(2)


def test_more_erosion_changes_less_of_the_scene(crops):
    hardly, much = (changed_pixels(crops, erosion=erosion) for erosion in (0.0, 0.4))
    assert much.sum() < 0.8 * hardly.sum()


def test_a_wider_feather_makes_a_softer_edge(crops):
    there = crops[0]
    white = np.full_like(there.image, 255)
    black = np.zeros_like(there.scene)

    def steepest(feather):
        config = FeatherConfig(feather=feather, color="none")
        blended = Feather(config).blend(black, white, there.mask, there.to_crop)[..., 0].astype(int)
        return np.abs(np.diff(blended, axis=1)).max()

    assert steepest(0.02) > 2 * steepest(0.2)


def test_colors_follow_the_face_that_is_covered(crops):
    there = crops[0]
    original = to_lab(warp(there.scene, there.to_crop, (128, 128)))
    middle = cv2.erode(there.mask, np.ones((31, 31))) > 0.5

    def color_distance(color):
        result = to_lab(np.rint(swapped(crops, color=color)).astype(np.uint8))
        return np.linalg.norm(result[middle].mean(0) - original[middle].mean(0))

    assert color_distance("none") > 10
    assert color_distance("reinhard") < 4


def test_detail_is_sharpened_or_softened(crops):
    middle = cv2.erode(crops[0].mask, np.ones((31, 31))) > 0.5

    def detail(kind):
        gray = swapped(crops, detail=kind, color="none").mean(2)
        return np.abs(gray - cv2.GaussianBlur(gray, (0, 0), 1))[middle].mean()

    assert detail("soften") < 0.6 * detail("keep")
    assert detail("sharpen") > 1.2 * detail("keep")


def test_a_covered_brow_does_not_show_through_the_forehead(crops):
    """At the height of the brows, the drawn face is seen alone between the temples."""
    there = crops[0]
    mask = np.zeros_like(there.mask)
    mask[10:120, 10:118] = 1
    blend = Feather(FeatherConfig(color="none")).blend
    white, black = np.full_like(there.image, 255), np.zeros_like(there.scene)
    shown = warp(blend(black, white, mask, there.to_crop), there.to_crop, (128, 128))[..., 0]
    assert shown[24, 40:90].min() > 245
    assert shown[104, 64] < 240, "the chin fades widely"
