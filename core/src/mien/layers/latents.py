"""Where an invented person comes from: a random vector that its number alone decides."""

import torch
from torch import Tensor

from mien.model import Batch


def latents_of(batch: Batch, length: int) -> Tensor:
    """A standard normal vector for each face of a batch: float32 (N, length), the same for the same stranger's number.

    It is drawn on the processor, so that a number is the same person on every device.
    """
    strangers = [0] * len(batch) if batch.strangers is None else batch.strangers.tolist()
    drawn = {number: torch.randn(length, generator=torch.Generator().manual_seed(number)) for number in set(strangers)}
    rows = [drawn[number] for number in strangers]
    return torch.stack(rows).to(batch.images.device) if rows else batch.images.new_zeros((0, length))
