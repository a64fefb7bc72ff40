"""Faces drawn sharp."""

from functools import cache
from importlib import resources

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.enhancer import Enhancer
from mien.contracts.model import Batch
from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien.layers.precision import computes_bf16
from mien.training.batch import resampled
from mien_enhancer_restore.network import LARGER, RestorationNetwork

_FILE = "realesrgan.safetensors"
_LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""
_LEAST_PX = 256
"""A smaller face is enlarged to this side."""
_SEEN_PX = 72
"""Side at which a face is looked at that fills its picture."""
_ROOM = 0.22
"""How much a picture reaches over the box of a face's landmarks, as a share of the box's larger side."""


class RestoreConfig(PluginConfig):
    """How far faces are restored."""

    amount: float = Field(default=1.0, ge=0.0, le=1.0)
    """How much of the restored face is drawn: 0 leaves it as it is."""
    seen_px: int = Field(default=96, ge=32, le=256)
    """Side in pixels at which the network looks at the crop. What is finer is drawn anew: the fewer pixels, the
    sharper and the faster, and the less like."""


class Restore(Enhancer):
    """Draws a face sharp that is blurred, grainy, compressed or was small, by the network of Real-ESRGAN.

    Of the original it sees nothing. Faces smaller than 256 px are enlarged to that side. On a processor a face takes
    seconds; it is meant for a graphics card, and for what is drawn once.
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
            restored = _resized(_restored(self._network, _resized(image, self.config.seen_px)), side)
            enhanced[row] = (drawn + self.config.amount * _lightness(restored - drawn))[0].clamp(-1, 1)
        return enhanced


def restored_face(
    image: NDArray[np.uint8], landmarks: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A face cut out and sharp, uint8 (288, 288, 3), RGB, and its landmarks there, (68, 2).

    image: uint8 (H, W, 3). landmarks: (68, 2) in its pixels; forehead and chin are inside of the result. Beyond the
    image's border its edge is repeated. Raises MienError if the network's weights cannot be read.
    """
    low, high = landmarks.min(0), landmarks.max(0)
    side = (1 + 2 * _ROOM) * float((high - low).max())
    start = (low + high) / 2 - side / 2
    scale = _SEEN_PX / side
    to_small = np.array([[scale, 0, -scale * start[0]], [0, scale, -scale * start[1]]])
    # Averages of what a pixel covers, where it becomes smaller.
    blurred = cv2.GaussianBlur(image, (0, 0), max(0.45 / scale, 0.3)) if scale < 1 else image
    small = cv2.warpAffine(
        blurred, to_small, (_SEEN_PX, _SEEN_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    given = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1
    drawn = _resized(given, LARGER * _SEEN_PX)
    drawn = (drawn + _lightness(_restored(restoration_network().cpu(), given) - drawn))[0].clamp(-1, 1)
    pixels = ((drawn + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    placed = landmarks @ to_small[:, :2].T + to_small[:, 2]
    return pixels, (placed + 0.5) * LARGER - 0.5


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


def _resized(image: Tensor, side: int) -> Tensor:
    if image.shape[-1] >= side:
        return resampled(image, side)
    return interpolate(image, size=(side, side), mode="bicubic", align_corners=False).clamp(-1, 1)


@cache
def restoration_network() -> RestorationNetwork:
    """The network with the weights that come along, in float32. Raises MienError if they cannot be read."""
    network = RestorationNetwork()
    try:
        file = resources.files(__package__) / "networks" / _FILE
        network.load_state_dict(safetensors.torch.load(file.read_bytes()))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise MienError(
            f"The enhancer restore cannot read its network {_FILE}: {error}.",
            "pip install --force-reinstall mien-enhancer-restore",
        ) from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
