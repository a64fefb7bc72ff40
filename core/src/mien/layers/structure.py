"""How much of an image's structure is lost: one minus the structural similarity, inside the face alone."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from mien.layers.constants import constant

_REACH, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_LUMA = (0.299, 0.587, 0.114)


def masked_dissimilarity(generated: Tensor, wanted: Tensor, masks: Tensor, scales: int = 3) -> Tensor:
    """1 − SSIM of the brightness inside the masks, mean over scales: a scalar in [0, 2].

    generated, wanted: (N, 3, S, S) in [-1, 1]. masks: (N, 1, S, S), 0 or above, how much each pixel counts. scales: at
    so many sizes, each half of the one before, as long as they are twice as large as a window of 11×11 pixels.

    Unlike an absolute error it asks for the contrast of what is small and dark, such as lids and the line between the
    lips. Windows are Gaussians, σ = 1.5 (Wang et al. 2004, doi:10.1109/TIP.2003.819861); that what is outside of the
    masks has no part in the result, both images are the wanted one there. The values are those of torchmetrics, whose
    convolutions take a processor some twenty times as long as these products with a band matrix.
    """
    luma = constant(_LUMA, generated.device)[:, None, None]
    with torch.autocast(generated.device.type, enabled=False):  # differences of squares need the precision
        second = ((wanted.float() + 1) / 2 * luma).sum(1, keepdim=True)
        first = ((generated.float() + 1) / 2 * luma).sum(1, keepdim=True)
        weights = masks.float()
        first = torch.where(weights > 0, first, second)
        losses = []
        for scale in range(scales):
            if scale:
                first, second, weights = (avg_pool2d(maps, 2) for maps in (first, second, weights))
            if first.shape[-1] <= 4 * _REACH:
                break
            counted = weights[..., _REACH:-_REACH, _REACH:-_REACH]
            losses.append(((1 - similarity(first, second)) * counted).sum() / counted.sum().clamp_min(1.0))
        return torch.stack(losses).mean() if losses else first.new_zeros(())


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM around each place with a whole window: (N, C, S − 10, S − 10) for two of (N, C, S, S) in [0, 1]."""
    blur = _band(first.shape[-1], first.device)
    maps = torch.stack([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = blur @ maps @ blur.T
    means, squares = mean_1 * mean_2, mean_1.square() + mean_2.square()
    covariance, variances = product - means, square_1 + square_2 - squares
    similar: Tensor = (2 * means + _C1) * (2 * covariance + _C2) / ((squares + _C1) * (variances + _C2))
    return similar


def _band(side: int, device: torch.device) -> Tensor:
    """A Gaussian window at each place where it is whole: (side − 10, side)."""
    line = torch.arange(side, device=device, dtype=torch.float32)
    distance = line - line[_REACH : side - _REACH, None]
    window = torch.exp(distance.square() / (-2 * _SIGMA**2)) * (distance.abs() <= _REACH)
    return window / window.sum(1, keepdim=True)
