"""Grain and blur that are known are found again in the drawn face."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.contracts.model import Batch
from mien.geometry.alignment import align
from mien.imaging.color import to_lab
from mien.testing import EnhancerContract, portraits
from mien_enhancer_match_grain.match_grain import MatchGrain, MatchGrainConfig
from mien_enhancer_match_grain.measure import blur_px, grain_energy, grain_of


class TestMatchGrain(EnhancerContract):
    name = "match_grain"


def tensor(image: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.clip(np.rint(image), 0, 255).astype(np.uint8)).permute(2, 0, 1).float() / 127.5 - 1


@pytest.fixture(scope="module")
def crop():
    """A face whose own grain is averaged away."""
    portrait = portraits()[0]
    found = align(portrait.image, portrait.landmarks)
    smooth = cv2.bilateralFilter(found.image, 9, 30, 3)
    return smooth, found.mask


def enhanced(drawn: NDArray[Any], original: NDArray[Any], mask: NDArray[Any], **settings: float) -> NDArray[Any]:
    """In levels of 8 bit: float64 (T, T, 3)."""
    batch = Batch(
        tensor(original)[None], torch.from_numpy(mask)[None, None], torch.zeros(1, 0), torch.tensor([-1])
    )  # fmt: skip
    (face,) = MatchGrain(MatchGrainConfig(**settings)).enhance(tensor(drawn)[None], batch)
    return np.asarray((face.permute(1, 2, 0).double() + 1) * 127.5)


def luma(image: NDArray[Any]) -> Tensor:
    return torch.from_numpy(to_lab(np.clip(np.rint(image), 0, 255).astype(np.uint8))[..., 0] / 50 - 1)


@pytest.mark.parametrize("sigma_px", [1.5, 2.5])
def test_a_face_becomes_as_blurred_as_the_original(crop, sigma_px):
    sharp, mask = crop
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma_px)
    there = blur_px(luma(blurred), torch.from_numpy(mask > 0.5))
    before, after = (
        blur_px(luma(face), torch.from_numpy(mask > 0.5)) for face in (sharp, enhanced(sharp, blurred, mask))
    )
    assert before < 0.8 * there
    assert after == pytest.approx(there, rel=0.15)


@pytest.mark.parametrize("levels", [4.0, 8.0])
def test_a_face_becomes_as_grainy_as_the_original(crop, levels):
    """White noise in all colors."""
    sharp, mask = crop
    noisy = sharp + np.random.default_rng(0).normal(0, levels, sharp.shape)
    added = enhanced(sharp, noisy, mask) - sharp
    assert 0.8 * levels < added[mask > 0.5].std() < 1.25 * levels


def test_a_clean_face_as_sharp_leaves_the_drawn_one_as_it_is(crop):
    sharp, mask = crop
    assert np.abs(enhanced(sharp, sharp, mask) - sharp).max() < 1


def test_grain_changes_from_frame_to_frame_and_light_does_not(crop):
    sharp, mask = crop
    random = np.random.default_rng(0)
    frames = [sharp + random.normal(0, 8, sharp.shape) for _ in range(2)]
    one, other = (enhanced(sharp, frame, mask) for frame in frames)
    apart = one - other
    coarse = cv2.resize(apart, (8, 8), interpolation=cv2.INTER_AREA)
    assert apart.std() > 5
    assert np.abs(coarse).max() < 0.2 * apart.std()
    assert np.array_equal(one, enhanced(sharp, frames[0], mask)), "the same frame has the same grain"


def test_a_face_drawn_smaller_gets_grain_as_fine_as_the_crops(crop):
    """At its own side, the grain would be coarse, and blotches that change from frame to frame."""
    sharp, mask = crop
    noisy = sharp + np.random.default_rng(0).normal(0, 8, sharp.shape)
    small = cv2.resize(sharp, (64, 64), interpolation=cv2.INTER_AREA)
    face = enhanced(small, noisy, mask)
    assert face.shape == sharp.shape
    added = face - enhanced(small, sharp, mask)
    assert cv2.resize(added, (32, 32), interpolation=cv2.INTER_AREA).std() < 0.5 * added.std()


def test_each_can_be_left_out(crop):
    sharp, mask = crop
    worse = cv2.GaussianBlur(sharp, (0, 0), 2.0) + np.random.default_rng(0).normal(0, 8, sharp.shape)
    assert np.abs(enhanced(sharp, worse, mask, blur=0.0, grain=0.0) - sharp).max() < 1
    assert np.abs(enhanced(sharp, worse, mask, blur=0.0) - sharp).mean() > 3


@pytest.mark.parametrize("width_px", [0.0, 0.7, 1.5])
def test_strength_and_coarseness_of_known_grain_are_found(width_px):
    white = np.random.default_rng(1).normal(0, 1, (256, 256)).astype(np.float32)
    noise = cv2.GaussianBlur(white, (0, 0), width_px) if width_px else white
    noise = torch.from_numpy(noise / noise.std() * 0.05)
    grain = grain_of(*grain_energy(noise, torch.zeros_like(noise)))
    assert grain.sigma == pytest.approx(0.05, rel=0.2)
    assert grain.width_px == pytest.approx(width_px, abs=0.25)
