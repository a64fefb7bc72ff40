"""A drawn face as blurred and as grainy as the one that it replaces."""

import hashlib

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.enhancer import Enhancer
from mien.contracts.model import Batch, to_uint8_images
from mien.contracts.plugin import PluginConfig
from mien.training.batch import resampled
from mien_enhancer_match_grain.measure import Grain, blur_px, blurred, grain_energy, grain_of

_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""ITU-R BT.601: lightness, and what is bluer and redder than it. Cameras' noise differs between them."""
_SMALLER = 0.95
"""A drawn face is blurred if it is sharper than that share of the original's blur: measured a little differently, it
stays as it is."""
_MOST_BLUR = 0.03
"""Standard deviation of the widest Gaussian, as a share of the side: motion blur is not followed further."""
_ROUNDING = 0.4 / 127.5
"""Grain below 0.4 levels is what rounding to 8 bit makes."""
_MOST_GRAIN = 0.3
"""Standard deviation of the strongest grain, where black is -1 and white is 1."""


class MatchGrainConfig(PluginConfig):
    """What is matched."""

    blur: float = Field(default=1.0, ge=0.0, le=1.0)
    """How much of the blur that is lacking is added."""
    grain: float = Field(default=1.0, ge=0.0, le=2.0)
    """How much of the grain that is lacking is added: 1 is as much as the original has."""


class MatchGrain(Enhancer):
    """Blurs a drawn face as far as the original's edges are blurred, and adds the grain that it then lacks.

    Both are measured inside of the original's mask, at the crop's side; a face drawn smaller is enlarged to it. Grain
    is measured and added in lightness and in both differences of color, each with its own strength and coarseness. Its
    seed is the original's crop: another frame has other grain, and the same one always the same. Nothing is sharpened,
    and no grain is taken away. What an original does not have is not added: a clean, sharp face leaves the drawn one
    as it is.
    """

    Config = MatchGrainConfig
    config: MatchGrainConfig

    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        """See `Enhancer.enhance`."""
        side = batch.size
        if len(images) and images.shape[-1] < side:  # grain as fine as the crop's has no room in it
            images = interpolate(images.float(), size=(side, side), mode="bicubic", align_corners=False).clamp(-1, 1)
        originals, masks = resampled(batch.images.float(), side), resampled(batch.masks.float(), side)
        seeds = [_seed(row) for row in to_uint8_images(batch.images)]
        faces = [
            self._matched(face, original, mask[0] > 0.5, seed)
            for face, original, mask, seed in zip(images.float(), originals, masks, seeds, strict=True)
        ]
        return torch.stack(faces).clamp(-1, 1) if faces else images.clone()

    def _matched(self, face: Tensor, original: Tensor, inside: Tensor, seed: int) -> Tensor:
        """One face (3, T, T), by the original (3, m, m)."""
        side = original.shape[-1]
        per_pixel = face.shape[-1] / side
        there = _ycc(original)
        drawn = _ycc(_at(face, side))
        wanted, has = (blur_px(planes[0], inside) for planes in (there, drawn))
        lacking = max((_SMALLER * wanted) ** 2 - has**2, 0.0) ** 0.5 if has > 0 else 0.0
        lacking = self.config.blur * min(lacking, _MOST_BLUR * side)
        face = blurred(face, lacking * per_pixel)
        drawn = blurred(drawn, lacking)
        grains = []
        for channel in range(3):
            ours, theirs = grain_energy(drawn[channel], drawn[0]), grain_energy(there[channel], there[0])
            fine, coarse = (max(their - our - _ROUNDING**2, 0.0) for our, their in zip(ours, theirs, strict=True))
            grains.append(grain_of(fine, coarse))
        return face + self._noise(grains, side, face, seed)

    def _noise(self, grains: list[Grain], side: int, face: Tensor, seed: int) -> Tensor:
        """Noise of these strengths, RGB: float32 (3, T, T), where the face lies."""
        random = torch.Generator().manual_seed(seed)  # on the processor: the same on every device
        planes = []
        for grain in grains:
            white = torch.randn(1, side, side, generator=random)
            coarse = blurred(white, grain.width_px)
            strength = min(self.config.grain * grain.sigma, _MOST_GRAIN)
            planes.append(coarse[0] / coarse.std().clamp(min=1e-6) * strength)
        noise = _rgb(torch.stack(planes)).to(face.device)
        if side == face.shape[-1]:
            return noise
        return interpolate(noise[None], size=face.shape[-2:], mode="bicubic", align_corners=False)[0]


def _at(image: Tensor, side: int) -> Tensor:
    return resampled(image[None], side)[0]


def _ycc(image: Tensor) -> Tensor:
    return torch.einsum("ij,jhw->ihw", _TO_YCC.to(image), image)


def _rgb(planes: Tensor) -> Tensor:
    return torch.einsum("ij,jhw->ihw", torch.linalg.inv(_TO_YCC).to(planes), planes)


def _seed(image: np.ndarray) -> int:
    """A number in [0, 2⁶³) that follows from the original's crop."""
    digest = hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
