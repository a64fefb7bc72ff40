"""Contract tests of maskers: `class TestMine(MaskerContract): name = "mine"`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.contracts.face import Box, Face, FaceCrop
from mien.contracts.masker import Masker
from mien.contracts.plugin import PluginConfig
from mien.counted import counted
from mien.geometry.alignment import AlignmentConfig, align, recut
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.plugin import PluginContract, in_fresh_process


class MaskerContract(PluginContract):
    """What every masker has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "masker"

    def create(self) -> Masker:
        """A new masker with the settings of the test."""
        return cast(Masker, super().create())

    def test_what_is_thin_subtracts(self) -> None:
        """`thin` says how what stands in front is set back; of a face it means nothing."""
        masker = self.create()
        assert masker.subtracts or not masker.thin, "thin = True is of maskers that subtract."

    def test_what_is_seldom_subtracts(self) -> None:
        """`seldom` says of how many frames one is enough to be asked about; of a face it means nothing."""
        masker = self.create()
        assert masker.seldom >= 1, f"seldom = {masker.seldom}: one frame in so many; 1 is all."
        assert masker.subtracts or masker.seldom == 1, "seldom > 1 is of maskers that subtract."

    def test_masks_no_crops(self) -> None:
        """An empty array of the right dtype."""
        masks = self.create().mask([])
        assert masks.dtype == np.uint8 and len(masks) == 0, "mask([]) has to return uint8 (0, S, S)."

    @pytest.mark.parametrize("size", [16, 64, 100, 128, 256])
    def test_crops_of_any_size_will_do(self, size: int) -> None:
        """Each has a mask of its own side."""
        masker = self.create()
        if masker.alignment is not None:
            pytest.skip("It asks for crops of one size.")
        _checked(masker, _crops(size))

    def test_a_face_is_in_its_mask_and_the_corners_are_not(self) -> None:
        """The nose is face, unless something stands in front of it, which in these portraits nothing does."""
        masker = self.create()
        crops = _cut_for(masker, _crops())
        for crop, mask in zip(crops, _checked(masker, crops), strict=True):
            assert crop.landmarks is not None
            x, y = np.rint(crop.landmarks[30]).astype(int)
            if masker.subtracts:
                assert mask[y, x] < 128, "The masker subtracts, and says that something stands in front of a bare nose."
            else:
                assert mask[y, x] > 127, "The tip of the nose is not in the mask."
                assert not mask.all(), "All of the crop is in the mask."

    def test_faces_without_landmarks_will_do(self) -> None:
        """Some extractors know boxes alone; a dataset keeps neither other points nor always the scene's border."""
        masker = self.create()
        if masker.alignment is not None and masker.alignment.template != "box":
            pytest.skip(f"Its crops are cut by the template {masker.alignment.template}, which needs points.")
        _checked(masker, _cut_for(masker, [_without_landmarks(crop) for crop in _crops()]))

    def test_a_face_partly_outside_of_its_image_will_do(self) -> None:
        """As extractors find them at the border."""
        portrait = portraits()[0]
        x = round(float(portrait.landmarks[:, 0].mean()))
        cut_off = align(np.ascontiguousarray(portrait.image[:, x:]), portrait.landmarks - np.array([x, 0], np.float32))
        masker = self.create()
        _checked(masker, _cut_for(masker, [cut_off]))

    def test_a_batch_gives_what_crop_by_crop_does(self) -> None:
        """Faces do not influence each other. Networks may round by a level or two."""
        masker = self.create()
        crops = _cut_for(masker, _crops())
        together = masker.mask(crops)
        for row, crop in enumerate(crops):
            apart = int(np.abs(masker.mask([crop])[0].astype(int) - together[row]).max())
            assert apart <= 2, f"Face {row} alone is masked differently than in a batch, by {apart} of 255."

    def test_leaves_the_crops_as_they_were(self) -> None:
        """Even if it could write into them."""
        masker = self.create()
        crops, before = (_cut_for(masker, _crops()) for _ in range(2))
        masker.mask(crops)
        for crop, old in zip(crops, before, strict=True):
            for part in ("image", "mask", "landmarks", "to_crop", "scene"):
                same = np.array_equal(getattr(crop, part), getattr(old, part))
                assert same, f"mask() has changed crop.{part}; work on a copy."

    def test_the_crops_own_masks_mean_nothing(self) -> None:
        """They may be of another masker, or of none."""
        masker = self.create()
        crops = _cut_for(masker, _crops())
        bare = [replace(crop, mask=np.zeros_like(crop.mask)) for crop in crops]
        assert np.array_equal(masker.mask(bare), masker.mask(crops)), "mask() looks at crop.mask."

    def test_says_whether_it_needs_the_scene(self) -> None:
        """What needs none masks the stored crops of a dataset, too."""
        masker = self.create()
        if masker.needs_scene:
            pytest.skip("It needs the scene.")
        crops = _cut_for(masker, _crops())
        alone = [replace(crop, scene=None) for crop in crops]
        assert np.array_equal(masker.mask(alone), masker.mask(crops)), "mask() looks at crop.scene: needs_scene = True."

    def test_how_a_crop_lies_in_memory_does_not_matter(self) -> None:
        """Crops read from a dataset may not be written."""
        masker = self.create()
        (crop,) = _cut_for(masker, _crops()[:1])
        image = crop.image.copy()
        image.setflags(write=False)
        same = np.array_equal(masker.mask([replace(crop, image=image)]), masker.mask([crop]))
        assert same, "mask() answers something else of read-only arrays; call np.ascontiguousarray() first."

    def test_the_same_crops_give_the_same_masks(self) -> None:
        """Whatever was masked before."""
        masker = self.create()
        crops = _cut_for(masker, _crops())
        first = masker.mask(crops)
        masker.mask(crops[::-1])
        assert np.array_equal(masker.mask(crops), first), "mask() answers something else the second time."

    def test_gives_the_same_masks_in_another_process(self) -> None:
        """Made from the pickled settings alone, as the workers of preprocessing do."""
        masker = self.create()
        there = in_fresh_process(_masks, self.name, masker.config)
        assert np.array_equal(there, masker.mask(_cut_for(masker, _crops()))), (
            "mask() answers something else in another process."
        )

    def test_joins_with_itself(self) -> None:
        """A union with itself is itself; as far as the scene reaches."""
        masker = self.create()
        if masker.subtracts:
            pytest.skip("It subtracts: it needs one that adds.")
        once = MaskerSet(self.chosen_text, Registry()).mask(_crops())
        twice = MaskerSet(f"{self.chosen_text}+{self.chosen_text}", Registry()).mask(_crops())
        assert np.array_equal(once, twice), "Joined with itself by + it gives another mask."

    @property
    def chosen_text(self) -> str:
        """The masker with the settings of the test, as a user types it."""
        settings = ",".join(f"{key}={value}" for key, value in self.chosen().items())
        return f"{self.name}:{settings}" if settings else self.name


def _checked(masker: Masker, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
    masks = masker.mask(crops)
    wanted = (len(crops), crops[0].size, crops[0].size)
    assert masks.shape == wanted, f"mask() returns {masks.shape} for {counted(len(crops), 'crop')} instead of {wanted}."
    assert masks.dtype == np.uint8, f"mask() returns {masks.dtype}: make it uint8, 255 is face."
    return masks


def _crops(size: int = 128) -> list[FaceCrop]:
    """Two people, one of them turned by 30 degrees, too."""
    one, other = portraits()
    turn = np.array([[np.cos(np.pi / 6), np.sin(np.pi / 6)], [-np.sin(np.pi / 6), np.cos(np.pi / 6)]], np.float32)
    turned = (one.landmarks - one.landmarks.mean(0)) @ turn + one.landmarks.mean(0)
    views = [(one.image, one.landmarks), (other.image, other.landmarks), (one.image, turned.astype(np.float32))]
    config = AlignmentConfig(size=size, margin=0.2)
    return [align(image, _face(landmarks), config) for image, landmarks in views]


def _face(landmarks: NDArray[np.float32]) -> Face:
    (left, top), (right, bottom) = landmarks.min(0).tolist(), landmarks.max(0).tolist()
    return Face(Box(left, top, right, bottom), landmarks, 1.0)


def _without_landmarks(crop: FaceCrop) -> FaceCrop:
    return replace(crop, landmarks=None)


def _cut_for(masker: Masker, crops: Sequence[FaceCrop]) -> list[FaceCrop]:
    return list(crops) if masker.alignment is None else [recut(crop, masker.alignment) for crop in crops]


def _masks(name: str, config: PluginConfig) -> NDArray[np.uint8]:
    masker: Any = Registry().load("masker", name)(config)
    masks: NDArray[np.uint8] = masker.mask(_cut_for(masker, _crops()))
    return masks
