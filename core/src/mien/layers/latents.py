"""Where an invented person comes from: a random vector that its number alone decides."""

import numpy as np
import torch
from torch import Tensor

from mien.contracts.model import Batch


def latents_of(batch: Batch, length: int) -> Tensor:
    """A standard normal vector for each face of a batch: float32 (N, length), the same for the same stranger's number.

    It is drawn on the processor, so that a number is the same person on every device.
    """
    strangers = [0] * len(batch) if batch.strangers is None else batch.strangers.tolist()
    # NumPy's, since torch's generator looks at 32 bits of its seed only.
    vectors = {number: np.random.default_rng(number).standard_normal(length, np.float32) for number in set(strangers)}
    rows = [torch.from_numpy(vectors[number]) for number in strangers]
    return torch.stack(rows).to(batch.images.device) if rows else batch.images.new_zeros((0, length))
