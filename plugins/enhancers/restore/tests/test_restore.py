"""Soft faces come out sharper, in their own colors and in their place."""

import cv2
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from mien.contracts.model import Batch
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align
from mien.testing import EnhancerContract, portraits
from mien_enhancer_restore import restore
from mien_enhancer_restore.restore import Restore, RestoreConfig

MIDDLE = slice(64, 192)


class TestRestore(EnhancerContract):
    name = "restore"
    settings = {"seen_px": 32}


@pytest.fixture(scope="module")
def face() -> Tensor:
    """A face as it was filmed, float32 (1, 3, 256, 256)."""
    portrait = portraits()[1]
    crop = align(portrait.image, portrait.landmarks, AlignmentConfig(size=256, margin=0.3))
    return torch.from_numpy(crop.image).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.fixture(scope="module")
def soft(face: Tensor) -> Tensor:
    """The same as if it had been 64 px wide."""
    return interpolate(avg_pool2d(face, 4), scale_factor=4, mode="bicubic").clamp(-1, 1)


def enhanced(images: Tensor, **settings: float) -> Tensor:
    masks = torch.ones_like(images[:, :1])
    batch = Batch(images, masks, torch.zeros(len(images), 0), torch.full((len(images),), -1))
    return Restore(RestoreConfig.model_validate(settings)).enhance(images, batch)


def detail(images: Tensor) -> float:
    gray = images.mean(1)[0, MIDDLE, MIDDLE].numpy()
    return float(cv2.Laplacian(gray, cv2.CV_32F).std())


def test_a_soft_face_comes_out_sharper_in_its_own_colors(soft: Tensor) -> None:
    drawn = enhanced(soft)
    assert detail(drawn) > 2 * detail(soft)
    difference = (drawn - soft)[..., MIDDLE, MIDDLE]
    inside = (drawn[..., MIDDLE, MIDDLE].abs() < 0.99).all(1, keepdim=True)  # what is cut off has other colors
    assert ((difference - difference.mean(1, keepdim=True)).abs() * inside).max() < 1e-4
    assert difference.abs().mean() < 0.12


def test_as_much_is_restored_as_is_asked_for(soft: Tensor) -> None:
    half, whole = (enhanced(soft, amount=amount, seen_px=48) - soft for amount in (0.5, 1.0))
    assert (2 * half - whole)[..., MIDDLE, MIDDLE].abs().median() < 1e-3
    assert torch.equal(enhanced(soft, amount=0.0, seen_px=48), soft)


@pytest.mark.parametrize(("side", "becomes"), [(64, 256), (256, 256), (320, 320)])
def test_small_faces_are_enlarged_and_large_ones_keep_their_side(face: Tensor, side: int, becomes: int) -> None:
    result = enhanced(interpolate(face, size=(side, side), mode="bilinear", antialias=True), seen_px=32)
    assert result.shape == (1, 3, becomes, becomes) and float(result.abs().max()) <= 1


def test_weights_that_cannot_be_read_are_an_error_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "_FILE", "nothing.safetensors")
    restore.restoration_network.cache_clear()
    with pytest.raises(MienError, match=r"cannot read its network nothing.safetensors") as error:
        Restore()
    assert "mien-enhancer-restore" in (error.value.fix or "")


def test_seen_small_the_face_is_what_it_was(soft: Tensor) -> None:
    drawn = enhanced(soft, seen_px=64)
    inside = slice(8, 24)
    small, before = (avg_pool2d(images.mean(1, keepdim=True), 8)[0, 0, inside, inside] for images in (drawn, soft))
    assert float((small - before).abs().max()) < 0.06
    assert float((small - before).abs().mean()) < 0.01
