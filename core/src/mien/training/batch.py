"""The one place where faces become a model's batch: for training, previews, evaluation, swapping and anonymizing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

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

    @property
    def arrays(self) -> "list[NDArray[np.generic]]":
        """All arrays that are there."""
        values = (getattr(self, part.name) for part in fields(self))
        return [value for value in values if value is not None]

    def tensors(self, device: torch.device | str = "cpu") -> "CropTensors":
        """The same as tensors on a device; 8 bit travel as 8 bit.

        To a CUDA card they go through memory that is not paged, and the caller's stream does not wait for it.
        """
        host = CropTensors(
            images=_tensor(self.images),
            masks=_tensor(self.masks),
            landmarks=_tensor(self.landmarks),
            features=_tensor(self.features),
            people=_tensor(self.people),
            tracks=_tensor(self.tracks),
            encodings=None if self.encodings is None else _tensor(self.encodings),
        )
        if torch.device(device).type != "cuda":
            return host.each(lambda tensor: tensor.to(device))
        return host.each(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class CropTensors:
    """What `CropArrays` holds, as tensors of the same dtypes and shapes on one device."""

    images: Tensor
    masks: Tensor
    landmarks: Tensor
    features: Tensor
    people: Tensor
    tracks: Tensor
    encodings: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "CropTensors":
        """The same with each tensor changed."""
        return CropTensors(
            images=change(self.images),
            masks=change(self.masks),
            landmarks=change(self.landmarks),
            features=change(self.features),
            people=change(self.people),
            tracks=change(self.tracks),
            encodings=None if self.encodings is None else change(self.encodings),
        )

    @classmethod
    def joined(cls, parts: "Sequence[CropTensors]") -> "CropTensors":
        """The rows of all parts, one after the other."""
        return cls(
            images=torch.cat([part.images for part in parts]),
            masks=torch.cat([part.masks for part in parts]),
            landmarks=torch.cat([part.landmarks for part in parts]),
            features=torch.cat([part.features for part in parts]),
            people=torch.cat([part.people for part in parts]),
            tracks=torch.cat([part.tracks for part in parts]),
            encodings=None
            if parts[0].encodings is None
            else torch.cat([part.encodings for part in parts if part.encodings is not None]),
        )

    def rows(self, chosen: Tensor) -> "CropTensors":
        """The chosen rows, int64 (n,) on the same device, in new memory."""
        return self.each(lambda tensor: tensor.index_select(0, chosen))


def make_batch(
    crops: CropArrays | CropTensors,
    *,
    resolution: int | None,
    masked: bool,
    device: torch.device | str = "cpu",
    stage: int = -1,
    progress: float = 1.0,
    around: Batch | None = None,
    counts: tuple[int, ...] | None = None,
) -> Batch:
    """Make a batch of crops. What is 8 bit travels to the device as 8 bit, and is resampled there.

    crops: tensors are on their device already, which is then the batch's. resolution: side of the images that the model
    gets, in pixels; None: as the crops are. masked: whether images are black where the mask is 0. stage, progress,
    around, counts: as of `Batch`. The images are channels last in memory.
    """
    given = crops.tensors(device) if isinstance(crops, CropArrays) else crops
    size = given.images.shape[1]
    wanted = resolution or size
    images = resampled(given.images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1), wanted)
    masks = resampled(given.masks[:, None].float().div_(255), wanted)
    if masked:
        images = images.add_(1).mul_(masks).sub_(1)
    return Batch(
        images=images,
        masks=masks,
        features=given.features,
        people=given.people,
        # With pixel centers at integers, p′ = (p + ½)·k − ½ for the scale k.
        landmarks=(given.landmarks + 0.5) * (wanted / size) - 0.5,
        tracks=given.tracks,
        encodings=given.encodings,
        around=around,
        stage=stage,
        progress=progress,
        counts=counts,
    )


def _tensor(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


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
