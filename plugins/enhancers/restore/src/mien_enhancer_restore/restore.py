"""Faces drawn sharp."""

from functools import cache

import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.enhancer import Enhancer
from mien.contracts.model import Batch
from mien.contracts.plugin import PluginConfig
from mien.layers.precision import computes_bf16
from mien.networks.packaged import packaged_network
from mien.training.batch import resampled
from mien_enhancer_restore.network import RestorationNetwork

_FILE = "realesrgan.safetensors"
_LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""
_LEAST_PX = 256
"""A smaller face is enlarged to this side."""
_KEPT = 0.5
"""Of the side that the network sees, the side at which the image stays what it was. With 1, what is drawn is hardly
sharper than the image."""
_ROUNDS = 3
"""After so many rounds of back projection, about a tenth is left of what is to go."""


class RestoreConfig(PluginConfig):
    """How far faces are restored."""

    amount: float = Field(default=1.0, ge=0.0, le=1.0)
    """How much of the restored face is drawn: 0 leaves it as it is."""
    seen_px: int = Field(default=96, ge=32, le=256)
    """Side in pixels at which the network looks at the crop. What is finer is drawn anew: the fewer pixels, the
    sharper and the faster, and the less like."""


class Restore(Enhancer):
    """Draws a face sharp that is blurred, grainy, compressed or was small, by the network of Real-ESRGAN.

    Of the original it sees nothing. Seen at half of `seen_px`, the face stays what it was. Faces smaller than 256 px
    are enlarged to that side. On a processor a face takes seconds; it is meant for a graphics card, and for what is
    drawn once.
    """

    Config = RestoreConfig
    config: RestoreConfig

    def __init__(self, config: RestoreConfig | None = None) -> None:
        """Raises MienError if its weights cannot be read."""
        super().__init__(config)
        self._network = restoration_network()

    def enhance(self, images: Tensor, batch: Batch) -> Tensor:
        """See `Enhancer.enhance`. Face by face: in a batch, each would have other last digits by those beside it."""
        self._network.to(images.device)
        side = max(images.shape[-1], _LEAST_PX)
        enhanced = torch.empty(len(images), 3, side, side, device=images.device)
        for row, image in enumerate(images.float()[:, None]):
            drawn = _resized(image, side)
            seen_px = self.config.seen_px
            restored = _resized(_restored(self._network, _resized(image, seen_px)), side)
            added = _only_finer(_lightness(restored - drawn), round(seen_px * _KEPT))
            enhanced[row] = (drawn + self.config.amount * added)[0].clamp(-1, 1)
        return enhanced


@torch.inference_mode()
def _restored(network: RestorationNetwork, image: Tensor) -> Tensor:
    """float32 (1, 3, 4·S, 4·S) in [-1, 1]. image: float32 (1, 3, S, S) in [-1, 1]."""
    given = ((image + 1) / 2).contiguous(memory_format=torch.channels_last)
    with torch.autocast(image.device.type, torch.bfloat16, enabled=computes_bf16(image.device)):
        drawn: Tensor = network(given)
    return drawn.float().clamp(0, 1) * 2 - 1


def _lightness(difference: Tensor) -> Tensor:
    """What of a difference, (1, 3, S, S), is one of lightness: colors stay, as the network would paint teeth golden."""
    weights = torch.tensor(_LUMA, device=difference.device)
    return (difference * weights[:, None, None]).sum(1, keepdim=True)


def _only_finer(difference: Tensor, coarse_px: int) -> Tensor:
    """What of a difference, (1, 1, S, S), averages to nothing over the pixels of an image of that side: light eyes do
    not become dark ones.

    By back projection: M. Irani and S. Peleg, Improving Resolution by Image Registration, CVGIP 1991.
    """
    side = difference.shape[-1]
    for _ in range(_ROUNDS if side > coarse_px else 0):
        coarse = resampled(difference, coarse_px)
        difference = difference - interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)
    return difference


def _resized(image: Tensor, side: int) -> Tensor:
    if image.shape[-1] >= side:
        return resampled(image, side)
    return interpolate(image, size=(side, side), mode="bicubic", align_corners=False).clamp(-1, 1)


@cache
def restoration_network() -> RestorationNetwork:
    """The network with the weights that come along, in float32. Raises MienError if they cannot be read."""
    network = RestorationNetwork()
    with packaged_network(__package__, _FILE, "enhancer restore") as weights:
        network.load_state_dict(safetensors.torch.load(weights))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
