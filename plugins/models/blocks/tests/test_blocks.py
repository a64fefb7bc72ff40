"""What blocks leave of a head."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mien import Session, SessionOptions, anonymize, make_model
from mien.contracts.model import Batch, ModelInputs
from mien.contracts.target import Synthetic
from mien.media.images import write_image
from mien.plugins.registry import Registry
from mien.testing import ModelContract, portraits
from mien.tracking.recognizer import Recognizer


class TestBlocks(ModelContract):
    name = "blocks"


def drawn(images: torch.Tensor, **settings: object):
    count = len(images)
    model = make_model(Registry(), "blocks", settings, TestBlocks().inputs())
    assert isinstance(model.inputs, ModelInputs)
    batch = Batch(images, torch.ones(count, 1, *images.shape[2:]), torch.zeros(count, 0), torch.full((count,), -1))
    return model.generate(batch, Synthetic(torch.zeros(count, dtype=torch.int64)))


def test_each_block_has_one_color():
    images = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    blocks = drawn(images, count=4).images.reshape(3, 4, 32, 4, 32)
    assert torch.equal(blocks, blocks[:, :, :1, :, :1].expand_as(blocks))
    assert torch.allclose(blocks[:, 0, 0, 0, 0], images[0, :, :32, :32].mean((1, 2)), atol=1e-5)


def test_what_lies_beyond_the_border_makes_no_block_darker():
    images = torch.full((1, 3, 128, 128), 0.5)
    images[..., :72] = -1
    blocks = drawn(images).images
    assert (blocks[..., 64:] == 0.5).all() and (blocks[..., :64] == -1).all()


def test_inside_its_outline_nothing_of_the_head_shines_through():
    image = portraits()[0].image
    options = SessionOptions(extractor="face_recognition", threads=1)
    for choice in ("blocks", "blocks:shape=rectangle"):
        session = Session.open(choice, options=options)
        (face,) = session.detector.find(image)
        hidden = session.anonymize(image)
        at = face.landmarks.round().astype(int)
        # Where the features are, each pixel is like its neighbor, but at the edges of blocks: a cubic sets them back.
        apart = [np.abs(hidden[y, x].astype(int) - hidden[y, x + 1]).max() for x, y in at if 0 <= y < len(image)]
        assert np.mean(np.array(apart) == 0) > 0.6 and np.mean(np.array(apart) <= 4) > 0.8
        corner = hidden[:2, :2]
        assert (corner == image[:2, :2]).all()


def test_what_a_recognizer_says_of_a_hidden_face_counts_below_its_limit(tmp_path: Path) -> None:
    """A head under one color lies at the limit for some people."""
    write_image(tmp_path / "a.png", portraits()[0].image, synthetic=None)
    report = anonymize(tmp_path / "a.png", tmp_path / "b.png", method="blocks")
    assert report.check is not None
    assert report.check.same_person_below == pytest.approx(0.9 * Recognizer(Registry()).same_person_below)
    assert report.check.faces == 1 and report.check.verified == 0
