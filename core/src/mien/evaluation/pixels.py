"""How near a drawn crop is to the original, pixel by pixel: the measures of torchmetrics, inside of the mask."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from mien.contracts.face import FaceCrop
from mien.layers import masked_l1
from mien.training.batch import resampled


class PixelErrors(NamedTuple):
    """Means over the faces."""

    l1: float
    """Mean absolute error of the colors inside of the mask, which lie in [0, 1]."""
    ssim: float
    """Structural similarity, 1 for the same image; black outside of the mask in both."""
    psnr: float
    """Peak signal-to-noise ratio in dB, likewise."""


def pixel_errors(images: NDArray[np.uint8], crops: Sequence[FaceCrop]) -> PixelErrors:
    """Compare drawn faces, uint8 (N, S, S, 3), with the crops that they stand for, at the size that was drawn."""
    side = images.shape[1]
    masks = resampled(torch.from_numpy(np.stack([crop.mask for crop in crops]))[:, None], side)
    wanted = resampled(_unit(np.stack([crop.image for crop in crops])), side) * masks
    drawn = _unit(images)
    shown = drawn * masks
    return PixelErrors(
        l1=float(masked_l1(drawn * masks, wanted * masks, masks)),
        ssim=float(torch.as_tensor(structural_similarity_index_measure(shown, wanted, data_range=1.0))),
        psnr=float(peak_signal_noise_ratio(shown, wanted, data_range=1.0, dim=(1, 2, 3))),
    )


def _unit(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
