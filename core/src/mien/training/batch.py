"""The one place where faces become a model's batch: for training, previews, evaluation, swapping and anonymizing."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from mien.contracts.model import Batch


@dataclass(frozen=True, slots=True)
class CropArrays:
    """N whole crops of one side S as they are stored, or as they were just cut: 8 bit, so that both are the same."""

    images: NDArray[np.uint8]
    """uint8 (N, S, S, 3), RGB."""
    masks: NDArray[np.uint8]
    """uint8 (N, S, S), 255 is face."""
    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2) in crop pixels; NaN where they are not known."""
    features: NDArray[np.float32]
    """float32 (N, F)."""
    people: NDArray[np.int64]
    """int64 (N,), as in `Batch.people`."""
    tracks: NDArray[np.int64]
    """int64 (N,), as in `Batch.tracks`."""
    encodings: NDArray[np.float32] | None = None
    """float32 (N, D), as in `Batch.encodings`."""

    def __len__(self) -> int:
        return len(self.images)


def make_batch(
    crops: CropArrays,
    *,
    resolution: int | None,
    masked: bool,
    device: torch.device | str = "cpu",
    stage: int = -1,
    progress: float = 1.0,
    around: Batch | None = None,
) -> Batch:
    """Make a batch of crops. What is 8 bit travels to the device as 8 bit, and is resampled there.

    resolution: side of the images that the model gets, in pixels; None: as the crops are. masked: whether images are
    black where the mask is 0. stage, progress, around: as of `Batch`. The images are channels last in memory.
    """
    size = crops.images.shape[1]
    wanted = resolution or size
    images = torch.from_numpy(np.ascontiguousarray(crops.images)).to(device).permute(0, 3, 1, 2).float()
    images = resampled(images.div_(127.5).sub_(1), wanted)
    masks = torch.from_numpy(np.ascontiguousarray(crops.masks))[:, None].to(device).float()
    masks = resampled(masks.div_(255), wanted)
    if masked:
        images = images.add_(1).mul_(masks).sub_(1)
    # With pixel centers at integers, p′ = (p + ½)·k − ½ for the scale k.
    landmarks = torch.from_numpy(np.ascontiguousarray(crops.landmarks)).to(device)
    landmarks = (landmarks + 0.5) * (wanted / size) - 0.5
    return Batch(
        images=images,
        masks=masks,
        features=torch.from_numpy(np.ascontiguousarray(crops.features)).to(device),
        people=torch.from_numpy(np.ascontiguousarray(crops.people)).to(device),
        landmarks=landmarks,
        tracks=torch.from_numpy(np.ascontiguousarray(crops.tracks)).to(device),
        encodings=None
        if crops.encodings is None
        else torch.from_numpy(np.ascontiguousarray(crops.encodings)).to(device),
        around=around,
        stage=stage,
        progress=progress,
    )


def resampled(images: Tensor, side: int) -> Tensor:
    """Images (N, C, S, S) at another side, by an antialiased filter: means of blocks where they come out even.

    The result is new memory or the argument itself, if it has that side already.
    """
    size = images.shape[-1]
    if size == side or not len(images):
        return images if size == side else images.new_zeros((0, images.shape[1], side, side))
    if size % side == 0:
        return adaptive_avg_pool2d(images, side)
    return interpolate(images, size=(side, side), mode="bilinear", antialias=True)
