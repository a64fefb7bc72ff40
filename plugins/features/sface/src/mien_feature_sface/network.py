"""SFace's network, run by torch, so that a loss can take gradients through it.

Zhong, Deng, Hu, Zhao, Li, Wen, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 2021
(arXiv:2205.12010). The layers are those of OpenCV's face_recognition_sface_2021dec.onnx, a MobileFaceNet of 14 stages.
"""

from collections.abc import Mapping

import torch.nn.functional as functional
from torch import Tensor, nn

SIDE_PX = 112
"""Side of the faces that it looks at."""
NUMBERS = 128
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels of each stage after the first, which has:"""
FIRST = 32
_HALVING = (1, 3, 5, 11)
"""The stages that halve their picture."""
_LAST_SIDE = 7


class SFaceNetwork(nn.Module):
    """128 numbers, a vector of length 1, for each face. Its weights take no gradient; its input may."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """weights: as tools/convert.py writes them. Raises KeyError or RuntimeError if they are another network's."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, FIRST, 3, padding=1), nn.PReLU(FIRST)]
        before = FIRST
        for stage, width in enumerate(WIDTHS):
            stride = 2 if stage in _HALVING else 1
            layers += [nn.Conv2d(before, before, 3, stride, padding=1, groups=before), nn.PReLU(before)]
            layers += [nn.Conv2d(before, width, 1), nn.PReLU(width)]
            before = width
        self.layers = nn.Sequential(*layers)
        self.numbers = nn.Linear(before * _LAST_SIDE**2, NUMBERS)
        self.load_state_dict({name: weight.float() for name, weight in weights.items()})
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """images: float (N, 3, s, s) in [-1, 1], RGB, by the template arcface. Returns (N, 128)."""
        if images.shape[-1] != SIDE_PX:
            images = functional.interpolate(images, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)
        # The network was trained on (gray − 127.5) / 128.
        numbers = self.numbers(self.layers(images * (127.5 / 128)).flatten(1))
        return functional.normalize(numbers, dim=1)
