"""Several maskers as one: union, less what stands in front, and never outside of the scene."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mien import Box, Face, FaceCrop, MienError, Registry
from mien.geometry.alignment import AlignmentConfig, align, with_hull
from mien.plugins.masker_set import MaskerSet
from mien.testing import portraits


@pytest.fixture
def registry(environment: Any) -> Registry:
    environment.install_package("several_maskers", version="1.2")
    return Registry(environment.points)


@pytest.fixture
def crops() -> list[FaceCrop]:
    faces = []
    for portrait in portraits():
        (left, top), (right, bottom) = portrait.landmarks.min(0).tolist(), portrait.landmarks.max(0).tolist()
        face = Face(Box(left, top, right, bottom), portrait.landmarks, 1.0)
        faces.append(align(portrait.image, face, AlignmentConfig(size=100)))
    return faces


def test_maskers_join_to_their_union(registry: Registry, crops: list[FaceCrop]) -> None:
    masks = MaskerSet("half:level=100+half:side=right,level=200", registry).mask(crops)
    assert (masks.dtype, masks.shape) == (np.uint8, (2, 100, 100))
    assert (masks[:, :, :50] == 100).all() and (masks[:, :, 50:] == 200).all()
    assert MaskerSet("half", registry).mask([]).shape == (0, 0, 0)


def test_what_stands_in_front_is_taken_away_wherever_it_is_named(registry: Registry, crops: list[FaceCrop]) -> None:
    for text in ("half+half:side=right+infront:level=55", "infront:level=55+half+half:side=right"):
        masks = MaskerSet(text, registry).mask(crops)
        assert (masks[:, :, :50] == 200).all() and (masks[:, :, 50:] == 255).all()
    everything = MaskerSet("half:level=100+infront:level=200", registry).mask(crops)
    assert not everything.any()


def test_masks_of_others_are_reduced_too_at_any_side(registry: Registry, crops: list[FaceCrop]) -> None:
    maskers = MaskerSet("half+infront", registry)
    drawn = np.full((2, 50, 50), 200, np.uint8)
    reduced = maskers.subtract(drawn, crops)
    assert (reduced[:, :, :24] == 0).all() and (reduced[:, :, 26:] == 200).all() and (drawn == 200).all()
    shares = maskers.subtract(np.full((2, 100, 100), 0.5, np.float32), crops)
    assert shares.dtype == np.float32
    assert (shares[:, :, :50] == 0).all() and (shares[:, :, 50:] == 0.5).all()


def test_several_together_uncover_no_more_of_a_face_than_one_may(registry: Registry, crops: list[FaceCrop]) -> None:
    face = "half+half:side=right"
    little = MaskerSet(f"{face}+infront:level=60+infront:side=right,level=60", registry).mask(crops)
    assert (little == 195).all()
    much = MaskerSet(f"{face}+infront:level=128+infront:side=right,level=128", registry).mask(crops)
    assert (much[:, :, :50] == 127).all() and (much[:, :, 50:] == 255).all()


def test_what_is_thin_is_told_apart(registry: Registry, crops: list[FaceCrop]) -> None:
    """Blenders would shrink and fade it: it is laid over what they have made."""
    maskers = MaskerSet("half+half:side=right+thin:level=60", registry)
    assert maskers.has_thin and not MaskerSet("half+infront", registry).has_thin
    assert maskers.text_without_thin == "half:side=left,level=255+half:side=right,level=255"
    assert (maskers.mask(crops)[:, :, :50] == 195).all()
    assert (maskers.mask(crops, thin=False) == 255).all()
    drawn = np.ones((2, 50, 50), np.float32)
    assert np.array_equal(maskers.subtract(drawn, crops, thin=False), drawn)
    seen = maskers.in_front(crops, drawn)
    assert (seen.dtype, seen.shape) == (np.uint8, (2, 100, 100))
    assert (seen[:, :, :50] == 60).all() and not seen[:, :, 50:].any()
    assert not MaskerSet("half+infront", registry).in_front(crops, drawn).any()


def test_of_what_is_thin_no_more_is_taken_than_a_face_may_lose(registry: Registry, crops: list[FaceCrop]) -> None:
    drawn = np.ones((2, 100, 100), np.float32)
    drawn[1, :, :20] = 0
    both = MaskerSet("half+thin:level=180", registry).in_front(crops, drawn)
    assert not both[0].any() and (both[1, :, :50] == 180).all()
    two = MaskerSet("half+thin:level=170+thin:side=right,level=170", registry).in_front(crops, np.ones_like(drawn))
    assert (two[:, :, :50] == 170).all() and not two[:, :, 50:].any()


def test_nothing_outside_of_the_scene_is_face(registry: Registry) -> None:
    portrait = portraits()[0]
    x = round(float(portrait.landmarks[:, 0].mean()))
    cut_off = align(np.ascontiguousarray(portrait.image[:, x:]), portrait.landmarks - np.array([x, 0], np.float32))
    maskers = MaskerSet("half+half:side=right", registry)
    (crop,) = maskers.masked([cut_off])
    assert not crop.image[crop.mask == 0].any()
    assert (crop.mask == 0).mean() > 0.3
    assert np.array_equal(np.rint(crop.mask * 255) / np.float32(255), crop.mask)
    assert maskers.mask([replace(cut_off, scene=None)]).min() == 255


def test_a_masker_gets_the_cut_that_it_asks_for_and_its_mask_comes_back(
    registry: Registry, crops: list[FaceCrop]
) -> None:
    for crop, mask in zip(crops, MaskerSet("blot", registry).mask(crops), strict=True):
        assert crop.landmarks is not None
        rows, columns = np.nonzero(mask > 127)
        assert np.abs(np.array([columns.mean(), rows.mean()]) - crop.landmarks[30]).max() < 6
        assert 50 < len(rows) < 1000


def test_a_cut_that_a_stored_crop_does_not_cover_is_told(registry: Registry, crops: list[FaceCrop]) -> None:
    with pytest.raises(MienError, match="over the edge of the stored crop") as caught:
        MaskerSet("blot", registry).mask([replace(crop, scene=None) for crop in crops])
    assert "mien preprocess" in caught.value.fix


def test_a_masker_that_needs_the_scene_is_told_when_it_is_gone(registry: Registry, crops: list[FaceCrop]) -> None:
    maskers = MaskerSet("scene", registry)
    assert maskers.needs_scene
    assert (maskers.mask(crops) == 1).all()
    with pytest.raises(MienError, match="'scene' looks at the image around"):
        maskers.mask([replace(crop, scene=None) for crop in crops])


def test_one_has_to_say_what_is_face(registry: Registry) -> None:
    with pytest.raises(MienError, match="only what stands in front") as caught:
        MaskerSet("infront", registry)
    assert caught.value.fix.startswith("--masker NAME+infront")
    with pytest.raises(MienError, match="No masker is named"):
        MaskerSet("", registry)


def test_the_text_spells_out_all_settings(registry: Registry) -> None:
    maskers = MaskerSet("half:side=right+infront", registry)
    assert maskers.text == "half:side=right,level=255+infront:side=left,level=255"
    assert maskers.distributions == ("mien-several-maskers 1.2", "mien-several-maskers 1.2")


def test_brows_is_the_default_of_an_environment_that_has_several() -> None:
    assert Registry().default("masker") == "brows"


def test_hull_is_the_mask_of_the_study() -> None:
    registry = Registry()
    crop = align(portraits()[0].image, portraits()[0].landmarks)
    (mask,) = MaskerSet("hull", registry).mask([crop])
    np.testing.assert_array_equal(mask, np.rint(with_hull(crop).mask * 255))
