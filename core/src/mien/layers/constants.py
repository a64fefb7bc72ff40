"""Numbers of a formula as tensors, made once for each device: copying them at each step would wait for a card."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor


def constant(values: Sequence[float] | Sequence[Sequence[float]], device: torch.device) -> Tensor:
    """float32, in the shape of the values; int64 of whole numbers. Not to be written into."""
    rows = tuple(tuple(row) if isinstance(row, Sequence) else row for row in values)
    # What is compiled keeps the numbers by itself.
    return torch.tensor(rows, device=device) if torch.compiler.is_compiling() else _made(rows, device)


@cache
def _made(values: tuple[float | tuple[float, ...], ...], device: torch.device) -> Tensor:
    # A tensor of the inference mode could not be part of what is trained later.
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)
