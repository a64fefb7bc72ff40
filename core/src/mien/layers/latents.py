"""Where a synthetic person comes from: a random vector that its number alone decides."""

import numpy as np
import torch
from torch import Tensor

from mien.contracts.target import Synthetic


def latents_of(target: Synthetic, length: int) -> Tensor:
    """A standard normal vector for each row: float32 (N, length), the same for the same number.

    It is drawn on the processor, so that a number is the same person on every device.
    """
    ids = target.ids.tolist()
    # NumPy's, since torch's generator looks at 32 bits of its seed only.
    vectors = {number: np.random.default_rng(number).standard_normal(length, np.float32) for number in set(ids)}
    rows = [torch.from_numpy(vectors[number]) for number in ids]
    return torch.stack(rows).to(target.ids.device) if rows else torch.zeros(0, length, device=target.ids.device)


def synthetic_rows(count: int, device: torch.device) -> Synthetic:
    """As many rows of synthetic person number 0: for a loss in validation, where nobody in particular is asked for."""
    return Synthetic(torch.zeros(count, dtype=torch.int64, device=device))
