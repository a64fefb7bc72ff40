"""Detail that a face has lost comes back as far as it can, and nothing of the original's comes with it."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from mien.contracts.model import Batch
from mien.geometry.alignment import align
from mien.testing import EnhancerContract, portraits
from mien_enhancer_match_detail.match_detail import MatchDetail, MatchDetailConfig, _octaves


class TestMatchDetail(EnhancerContract):
    name = "match_detail"


@pytest.fixture(scope="module")
def batch() -> Batch:
    """One face of 128 px."""
    crop = align(portraits()[1].image, portraits()[1].landmarks)
    image = torch.from_numpy(crop.image).permute(2, 0, 1).float() / 127.5 - 1
    return Batch(image[None], torch.from_numpy(crop.mask)[None, None], torch.zeros(1, 0), torch.tensor([-1]))


def blurred(batch: Batch) -> Tensor:
    return interpolate(avg_pool2d(batch.images, 2), scale_factor=2, mode="bilinear", align_corners=False)


def strengths(images: Tensor) -> Tensor:
    middle = slice(40, 88)
    return torch.stack([octave[..., middle, middle].std() for octave in _octaves(images.mean(1, keepdim=True))])


def test_each_octave_becomes_about_as_strong_as_the_originals(batch: Batch) -> None:
    """Over the whole mask, and they overlap."""
    lost, found = (
        strengths(images) / strengths(batch.images)
        for images in (blurred(batch), MatchDetail(MatchDetailConfig(most=10)).enhance(blurred(batch), batch))
    )
    assert lost[0] < 0.5 and lost[1] < 0.8
    assert ((found > 0.65) & (found < 1.2)).all() and (found[:2] > 1.3 * lost[:2]).all()


def test_a_face_with_as_much_detail_stays(batch: Batch) -> None:
    assert (MatchDetail().enhance(batch.images, batch) - batch.images).abs().max() < 1e-3


def test_an_octave_is_made_so_many_times_as_strong_at_most(batch: Batch) -> None:
    flat = batch.images * 0.05
    (face,) = MatchDetail(MatchDetailConfig(most=2)).enhance(flat, batch)
    assert (strengths(face[None]) < 2.05 * strengths(flat)).all()


def test_the_original_counts_by_its_strengths_alone(batch: Batch) -> None:
    """Mirrored, it has the same."""
    mirrored = Batch(batch.images.flip(-1), batch.masks.flip(-1), batch.features, batch.people)
    drawn = blurred(batch)
    both = (
        Batch(batch.images, torch.ones_like(batch.masks), batch.features, batch.people),
        Batch(mirrored.images, torch.ones_like(batch.masks), batch.features, batch.people),
    )
    one, other = (MatchDetail().enhance(drawn, of) for of in both)
    assert (one - other).abs().max() < 1e-4


def test_a_smaller_face_gets_the_crops_side(batch: Batch) -> None:
    assert MatchDetail().enhance(avg_pool2d(batch.images, 2), batch).shape == batch.images.shape
