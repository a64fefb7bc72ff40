"""A drawn face with as much detail as the one that it replaces."""

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, pad

from mien.contracts.enhancer import Enhancer
from mien.contracts.model import Batch
from mien.contracts.plugin import PluginConfig
from mien.training.batch import resampled

_LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""
_OCTAVES = (0.004, 0.008, 0.016, 0.032)
"""Standard deviations of the Gaussians between the octaves, as shares of the side. Coarser is light and shade."""
_INSIDE = 0.08
"""Width of the kernel that the mask is eroded with: its edge is no detail."""
_LEAST_PIXELS = 64
_ROUNDING = 0.4 / 127.5
"""Detail below 0.4 levels is what rounding to 8 bit makes: there is nothing to enlarge."""


class MatchDetailConfig(PluginConfig):
    """How far detail is matched."""

    amount: float = Field(default=1.0, ge=0.0, le=2.0)
    """How much of the detail that is lacking is added: 1 is as much as the original has."""
    most: float = Field(default=3.0, ge=1.0, le=10.0)
    """An octave is made at most so many times as strong: what a model has not drawn at all cannot be enlarged."""


class MatchDetail(Enhancer):
    """Makes the drawn face's detail as strong as the original's, in each of four octaves of its lightness.

    An unsharp mask of four radii, whose amounts are measured: of the original, four numbers count, the standard
    deviations of its octaves inside of the mask, and none of its pixels. So nothing of who it is gets into the drawn
    face. Detail that the drawn face has already is not taken away. A face drawn smaller than its crop is enlarged to
    the crop's side, by a cubic.
    """

    Config = MatchDetailConfig
    config: MatchDetailConfig

    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        """See `Enhancer.enhance`."""
        side = max(images.shape[-1], batch.size)
        drawn = _enlarged(images.float(), side)
        if not len(drawn):
            return drawn
        originals = _enlarged(batch.images.float(), side)
        inside = _eroded(resampled(batch.masks.float(), side))
        ours, theirs = _octaves(_luma(drawn)), _octaves(_luma(originals))
        lacking = torch.zeros_like(drawn[:, :1])
        for our, their in zip(ours, theirs, strict=True):
            has, wanted = _strength(our, inside), _strength(their, inside)
            gain = (wanted / has.clamp(min=_ROUNDING)).clamp(1, self.config.most)
            lacking = lacking + self.config.amount * (gain - 1)[:, None, None, None] * our
        return (drawn + lacking).clamp(-1, 1)


def _luma(images: Tensor) -> Tensor:
    """Lightness: float32 (N, 1, S, S)."""
    weights = torch.tensor(_LUMA, device=images.device)
    return (images * weights[:, None, None]).sum(1, keepdim=True)


def _enlarged(images: Tensor, side: int) -> Tensor:
    if images.shape[-1] >= side or not len(images):
        return resampled(images, side)
    return interpolate(images, size=(side, side), mode="bicubic", align_corners=False).clamp(-1, 1)


def _octaves(luma: Tensor) -> list[Tensor]:
    """What lies between one Gaussian and the next, finest first: float32 (N, 1, S, S) each."""
    levels = [luma, *(_blurred(luma, share * luma.shape[-1]) for share in _OCTAVES)]
    return [finer - coarser for finer, coarser in pairwise(levels)]


def _strength(octave: Tensor, inside: Tensor) -> Tensor:
    """Standard deviation inside: float32 (N,); 0 where too little is inside."""
    count = inside.sum((1, 2, 3))
    energy = (octave**2 * inside).sum((1, 2, 3)) / count.clamp(min=1)
    return torch.where(count >= _LEAST_PIXELS, energy.sqrt(), torch.zeros_like(energy))


def _eroded(masks: Tensor) -> Tensor:
    """1 well inside of the masks, 0 elsewhere: float32 (N, 1, S, S)."""
    reach = max(round(_INSIDE * masks.shape[-1]) // 2, 1)
    outside = pad((masks < 0.5).float(), (reach,) * 4, value=1.0)
    return 1 - max_pool2d(outside, 2 * reach + 1, stride=1)


def _blurred(luma: Tensor, sigma_px: float) -> Tensor:
    """A Gaussian over float32 (N, 1, S, S); the border is repeated."""
    radius = max(int(3 * sigma_px + 0.5), 1)
    at = torch.arange(-radius, radius + 1, dtype=torch.float32, device=luma.device)
    kernel = torch.exp(-(at**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    padded = pad(luma, (radius,) * 4, mode="replicate")
    across = conv2d(padded, kernel[None, None, None, :])
    return conv2d(across, kernel[None, None, :, None])
