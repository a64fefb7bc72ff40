"""Contract tests of blenders: `class TestMine(BlenderContract): name = "mine"`."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.contracts.blender import Blender
from mien.contracts.face import Affine, FaceCrop, Mask, RgbImage
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import AlignmentConfig, align
from mien.geometry.compositing import covered_region, into_region
from mien.plugins.registry import Registry
from mien.testing.images import portraits
from mien.testing.plugin import PluginContract, in_fresh_process

_UNCHANGED = 8.0
"""A face's own crop, set back, changes the face by at most so many of 255 levels on the mean."""


@dataclass(frozen=True)
class _Job:
    """What a blender is given."""

    scene: RgbImage
    face: RgbImage
    mask: Mask
    to_crop: Affine

    def done_by(self, blender: Blender) -> RgbImage:
        return blender.blend(self.scene, self.face, self.mask, self.to_crop)


class BlenderContract(PluginContract):
    """What every blender has to keep. Subclass it in a test file of the plugin; nothing else is needed."""

    kind: ClassVar[str] = "blender"

    def create(self) -> Blender:
        """A new blender with the settings of the test."""
        return cast(Blender, super().create())

    @pytest.mark.parametrize("size", [16, 100, 128, 256])
    def test_changes_the_face_and_nothing_else(self, size: int) -> None:
        """Where the mask, set back into the scene, is 0, the scene stays bit for bit."""
        job = _swap(size)
        result = _checked(job.done_by(self.create()), job)
        share = _share(job)
        _assert_untouched(result, job)
        inside = share > 0.99
        change = float(np.abs(result.astype(int) - job.scene)[inside].mean())
        assert change > 2, "blend() leaves the scene as it was where another face should be."

    def test_a_mask_of_nothing_changes_nothing(self) -> None:
        """Not even where the crop lies."""
        job = _swap()
        nothing = _Job(job.scene, job.face, np.zeros_like(job.mask), job.to_crop)
        assert np.array_equal(nothing.done_by(self.create()), job.scene), (
            "A mask of zeros has to return the scene as it is."
        )

    def test_a_mask_of_ones_changes_the_crops_square_and_nothing_else(self) -> None:
        """A model may draw to the crop's edge."""
        job = _swap()
        full = _Job(job.scene, job.face, np.ones_like(job.mask), job.to_crop)
        result = _checked(full.done_by(self.create()), full)
        _assert_untouched(result, full)
        assert not np.array_equal(result, job.scene), "blend() draws nothing if the mask is 1 everywhere."

    @pytest.mark.parametrize("side_px", [1, 2, 9])
    @pytest.mark.parametrize("corner", [(0, 0), (60, 50)])
    def test_a_mask_of_few_pixels_will_do(self, side_px: int, corner: tuple[int, int]) -> None:
        """As when a face is covered but for its edge."""
        job = _swap()
        mask = np.zeros_like(job.mask)
        mask[corner[0] : corner[0] + side_px, corner[1] : corner[1] + side_px] = 1
        few = _Job(job.scene, job.face, mask, job.to_crop)
        _assert_untouched(_checked(few.done_by(self.create()), few), few)

    def test_what_the_face_has_outside_of_its_mask_does_not_show(self) -> None:
        """Mostly that is black, and a blender that lets it in draws a dark rim."""
        job = _swap()
        results = []
        for level in (0, 255):
            face = np.where(job.mask[..., None] > 0, job.face, np.uint8(level))
            results.append(_Job(job.scene, face, job.mask, job.to_crop).done_by(self.create()).astype(int))
        apart = np.abs(results[0] - results[1])
        assert apart.max() <= 1, (
            f"The result changes by up to {apart.max()} levels with what the face has where the mask is 0: weight by "
            "the mask before you blur or resample, or continue the face (mien.imaging.inpaint)."
        )

    def test_a_crop_set_back_unchanged_changes_little(self) -> None:
        """The way back undoes the way there."""
        portrait = portraits()[0]
        job = _job_of(align(portrait.image, portrait.landmarks))
        result = _checked(job.done_by(self.create()), job)
        apart = float(np.abs(result.astype(int) - job.scene)[_share(job) > 0].mean())
        assert apart < _UNCHANGED, (
            f"The face's own crop comes back {apart:.1f} levels off: look at to_crop and its inverse."
        )

    def test_red_stays_red(self) -> None:
        """Images are RGB: in a face's own crop, set back, skin is as much more red than blue as it was."""
        portrait = portraits()[0]
        job = _job_of(align(portrait.image, portrait.landmarks))
        result, inside = job.done_by(self.create()), _share(job) > 0.99
        before, after = (float((p[..., 0].astype(int) - p[..., 2])[inside].mean()) for p in (job.scene, result))
        assert abs(after - before) < _UNCHANGED, (
            f"Red is {before:.0f} levels above blue in the scene and {after:.0f} in the result: colors are RGB."
        )

    @pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
    def test_a_face_partly_outside_of_the_scene(self, side: str) -> None:
        """What lies inside is drawn."""
        portrait, donor = portraits()
        x, y = (round(float(middle)) for middle in portrait.landmarks.mean(0))
        columns = {"left": slice(x, None), "right": slice(None, x)}.get(side, slice(None))
        rows = {"top": slice(y, None), "bottom": slice(None, y)}.get(side, slice(None))
        moved = portrait.landmarks - np.array([columns.start or 0, rows.start or 0], np.float32)
        crop = align(np.ascontiguousarray(portrait.image[rows, columns]), moved)
        job = _job_of(crop, align(donor.image, donor.landmarks).image)
        result = _checked(job.done_by(self.create()), job)
        _assert_untouched(result, job)
        assert not np.array_equal(result, job.scene), "blend() draws nothing of a face that is partly inside."

    @pytest.mark.parametrize("move", [(5000.0, 0.0), (0.0, -5000.0)])
    def test_a_face_all_outside_of_the_scene(self, move: tuple[float, float]) -> None:
        """Changes nothing and raises nothing."""
        job = _swap()
        to_crop = job.to_crop.copy()
        to_crop[:, 2] += move
        away = _Job(job.scene, job.face, job.mask, to_crop)
        assert np.array_equal(_checked(away.done_by(self.create()), away), job.scene)

    @pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3)])
    def test_a_scene_of_any_size_will_do(self, shape: tuple[int, int]) -> None:
        """From a single pixel on."""
        job = _swap()
        small = _Job(np.full((*shape, 3), 90, np.uint8), job.face, job.mask, job.to_crop)
        _assert_untouched(_checked(small.done_by(self.create()), small), small)

    @pytest.mark.parametrize("factor", [0.05, 8.0])
    def test_a_tiny_or_huge_face_will_do(self, factor: float) -> None:
        """A few pixels of the scene, or more than all of it."""
        job = _swap()
        resized = _Job(job.scene, job.face, job.mask, job.to_crop / factor)
        _assert_untouched(_checked(resized.done_by(self.create()), resized), resized)

    @pytest.mark.parametrize("level", [0, 255])
    def test_a_face_of_one_color_will_do(self, level: int) -> None:
        """As a model draws before it has learnt anything."""
        job = _swap()
        flat = _Job(job.scene, np.full_like(job.face, level), job.mask, job.to_crop)
        _assert_untouched(_checked(flat.done_by(self.create()), flat), flat)

    def test_leaves_its_arguments_as_they_were(self) -> None:
        """Even if it could write into them."""
        job, before = _swap(), _swap()
        result = job.done_by(self.create())
        assert not np.shares_memory(result, job.scene), "blend() has to return a new array."
        for part in ("scene", "face", "mask", "to_crop"):
            assert np.array_equal(getattr(job, part), getattr(before, part)), f"blend() has changed {part}."

    def test_how_a_scene_lies_in_memory_does_not_matter(self) -> None:
        """Padded rows, as video decoders give them; and memory that may not be written."""
        job = _swap()
        expected = job.done_by(self.create())
        height, width = job.scene.shape[:2]
        padded = np.zeros((height, width + 16, 3), np.uint8)[:, :width]
        padded[:] = job.scene
        padded.setflags(write=False)
        result = _Job(padded, job.face, job.mask, job.to_crop).done_by(self.create())
        assert np.array_equal(result, expected), "blend() answers something else of a view of the scene."

    def test_the_same_face_gives_the_same_image(self) -> None:
        """Whatever was blended before."""
        blender, job = self.create(), _swap()
        expected = job.done_by(blender)
        _swap(64).done_by(blender)
        assert np.array_equal(job.done_by(blender), expected), "blend() answers something else the second time."

    def test_how_many_threads_opencv_has_does_not_matter(self) -> None:
        """What one machine draws with two, others in a cluster draw with one."""
        blender, job, before = self.create(), _swap(), cv2.getNumThreads()
        try:
            results = []
            for threads in (1, 2, 4):
                cv2.setNumThreads(threads)
                results.append(job.done_by(blender))
        finally:
            cv2.setNumThreads(before)
        assert all(np.array_equal(results[0], result) for result in results), "blend() depends on OpenCV's threads."

    def test_gives_the_same_image_in_another_process(self) -> None:
        """Made from the pickled settings alone."""
        blender = self.create()
        there = in_fresh_process(_blended, self.name, blender.config)
        assert np.array_equal(there, _swap().done_by(blender)), "blend() answers something else in another process."


def _job_of(crop: FaceCrop, face: RgbImage | None = None) -> _Job:
    assert crop.scene is not None
    return _Job(crop.scene, crop.image if face is None else face, crop.mask, crop.to_crop)


def _swap(size: int = 128) -> _Job:
    """The second person's face, to be set over that of the first."""
    portrait, donor = portraits()
    config = AlignmentConfig(size=size)
    return _job_of(align(portrait.image, portrait.landmarks, config), align(donor.image, donor.landmarks, config).image)


def _share(job: _Job) -> NDArray[np.float32]:
    """The mask set back into the scene: float32 (H, W)."""
    share = np.zeros(job.scene.shape[:2], np.float32)
    region = covered_region(job.to_crop, job.mask.shape[0], job.scene.shape)
    part = into_region(job.mask, job.to_crop, region)
    share[region] = part
    return share


def _checked(result: RgbImage, job: _Job) -> RgbImage:
    assert result.shape == job.scene.shape, f"blend() returns {result.shape} for a scene of {job.scene.shape}."
    assert result.dtype == np.uint8, f"blend() returns {result.dtype}: make it uint8."
    return result


def _assert_untouched(result: RgbImage, job: _Job) -> None:
    changed = np.argwhere((result != job.scene).any(2) & (_share(job) == 0))
    assert not len(changed), (
        f"blend() has changed {len(changed)} pixels where the mask is 0, the first at row {changed[0][0]}, column "
        f"{changed[0][1]}: keep the scene there, bit for bit."
    )


def _blended(name: str, config: PluginConfig) -> RgbImage:
    blender: Any = Registry().load("blender", name)(config)
    return _swap().done_by(blender)
