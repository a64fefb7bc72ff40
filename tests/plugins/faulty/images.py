"""What goes wrong with images and masks of a network."""

from typing import Any

import torch
from torch import Tensor

from mien.contracts.model import Generated


def spoiled(images: Tensor, fault: str) -> Any:
    """Those images, with masks of their own or without, as the fault says."""
    masks = torch.ones_like(images[:, :1])
    answers: dict[str, Any] = {
        "shape": images[:, :1],
        "rows": images[:1],
        "square": images[..., 1:],
        "dtype": images.half(),
        "type": images.numpy(),
        "none": None,
        "not finite": images * torch.inf,
        "range": images + 1.5,
        "masks": Generated(images, masks),
        "masks' shape": Generated(images, masks[..., 1:]),
        "masks' range": Generated(images, masks * 255),
        "masks not finite": Generated(images, masks * torch.nan),
    }
    return answers.get(fault, images)
