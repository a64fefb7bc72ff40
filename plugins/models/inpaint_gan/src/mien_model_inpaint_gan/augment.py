"""What training shows of a face: mirrored, bent, with narrower lids, in other light, less sharp.

Few pictures of people who never existed show closed eyes or turned heads. What is bent here is bent with its landmarks,
so that the network learns to follow them.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from mien.contracts.model import Batch
from mien.geometry.templates import LEFT_EYE, RIGHT_EYE
from mien.layers import MIRRORED_68

_GRID = 5
_STEPS = 12
_STEP = 0.4


@dataclass(frozen=True, slots=True)
class Strengths:
    """How strong the changes are; the fields of the model's config explain them."""

    bend: float
    narrow: float
    light: float
    gray: float
    blur: float


def augmented(batch: Batch, strengths: Strengths) -> Batch:
    """The batch with each face changed its own way, its landmarks with it. Random numbers are torch's global ones."""
    images, masks, landmarks = batch.images, batch.masks, batch.landmarks
    offsets = _offsets(landmarks, batch.size, strengths)
    images, masks = _bent(images, offsets, "border"), _bent(masks, offsets, "zeros")
    landmarks = _moved(landmarks, offsets)
    mirrored = torch.rand(len(batch), device=images.device) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    masks = torch.where(mirrored[:, None, None, None], masks.flip(3), masks)
    flipped = landmarks[:, list(MIRRORED_68)] * landmarks.new_tensor([-1.0, 1.0])
    flipped = flipped + landmarks.new_tensor([batch.size - 1.0, 0.0])
    landmarks = torch.where(mirrored[:, None, None], flipped, landmarks)
    return replace(batch, images=_relit(images, strengths), masks=masks, landmarks=landmarks)


def _offsets(landmarks: Tensor, size: int, strengths: Strengths) -> Tensor:
    """From where each pixel is taken, beside itself: (N, 2, S, S) in pixels."""
    count, device = len(landmarks), landmarks.device
    coarse = torch.randn(count, 2, _GRID, _GRID, device=device) * (strengths.bend * size)
    offsets = interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
    line = torch.arange(size, device=device, dtype=torch.float32)
    chosen = torch.rand(count, device=device) < strengths.narrow
    # A third at most: a stronger one would fold the picture.
    factor = torch.where(chosen, 1 + 2 * torch.rand(count, device=device), 1.0)
    for eye in (LEFT_EYE, RIGHT_EYE):
        points = landmarks[:, eye].nan_to_num(size / 2)
        center = points.mean(1)
        spread = (points[:, 3] - points[:, 0]).norm(dim=1).clamp_min(1.0) * 0.45
        x, y = (line - center[:, 0, None])[:, None, :], (line - center[:, 1, None])[:, :, None]
        near = torch.exp((x.square() + y.square()) / (-2 * spread[:, None, None].square()))
        offsets[:, 1] += (factor - 1)[:, None, None] * y * near
    return offsets


def _places(offsets: Tensor) -> Tensor:
    """Where to sample, as grid_sample has it: (N, S, S, 2)."""
    size = offsets.shape[-1]
    line = torch.arange(size, device=offsets.device, dtype=torch.float32)
    x, y = offsets[:, 0] + line, offsets[:, 1] + line[:, None]
    return (torch.stack([x, y], -1) + 0.5) * (2 / size) - 1


def _bent(images: Tensor, offsets: Tensor, outside: str) -> Tensor:
    return grid_sample(images.float(), _places(offsets), mode="bilinear", padding_mode=outside, align_corners=False)


def _moved(landmarks: Tensor, offsets: Tensor) -> Tensor:
    """Where the landmarks come to lie: the place that is taken from where each was, found by damped steps."""
    size = offsets.shape[-1]
    places = landmarks.clone()
    for _ in range(_STEPS):
        grid = ((places.nan_to_num(0.0) + 0.5) * (2 / size) - 1)[:, :, None]
        there = grid_sample(offsets, grid, mode="bilinear", padding_mode="border", align_corners=False)
        places = places - _STEP * (places + there[..., 0].permute(0, 2, 1) - landmarks)
    return places


def _relit(images: Tensor, strengths: Strengths) -> Tensor:
    """Another exposure and white balance, some in gray, some blurred: picture and surroundings alike."""
    count, device = len(images), images.device
    exposure = 1 + strengths.light * (2 * torch.rand(count, 1, 1, 1, device=device) - 1)
    balance = 1 + strengths.light / 4 * (2 * torch.rand(count, 3, 1, 1, device=device) - 1)
    images = ((images + 1) * exposure * balance - 1).clamp(-1, 1)
    chosen = torch.rand(2, count, 1, 1, 1, device=device)
    images = torch.where(chosen[0] < strengths.gray, images.mean(1, keepdim=True).expand_as(images), images)
    size = images.shape[-1]
    soft = interpolate(avg_pool2d(images, 2), size=(size, size), mode="bilinear")
    return torch.where(chosen[1] < strengths.blur, soft, images)
