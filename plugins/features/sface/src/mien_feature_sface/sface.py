"""Who it is, in 128 numbers that dlib has no part in."""

from collections.abc import Sequence

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import nn

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import AlignmentConfig
from mien.networks.packaged import packaged_network
from mien_feature_sface.network import NUMBERS, SIDE_PX, SFaceNetwork

_FILE = "sface.safetensors"


class SFace(Feature):
    """SFace's encoding: 128 numbers, a vector of length 1. Distances are √(2 − 2·cosine)."""

    config: PluginConfig
    alignment = AlignmentConfig(size=SIDE_PX, template="arcface")
    same_person_below = 0.97
    """One pair of two people in a thousand lies nearer, of 1,361 faces of 1,097 people (bench/people.py), and 98 % of
    those of one person. OpenCV's sample takes 1.13, a cosine of 0.363: so near is one in fifty of these two."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        """Raises MienError if its weights cannot be read."""
        super().__init__(config)
        with packaged_network(__package__, _FILE, "feature sface") as network:
            self._net = SFaceNetwork(safetensors.torch.load(network))

    @property
    def shape(self) -> tuple[int, ...]:
        """(128,)."""
        return (NUMBERS,)

    @property
    def bounds(self) -> tuple[float, float]:
        """(-0.3, 0.3)."""
        return (-0.3, 0.3)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Encode N faces, each cut by the template arcface: float32 (N, 128).

        Face by face: in a batch, each would have other last digits according to those beside it.
        """
        values = np.empty((len(crops), NUMBERS), np.float32)
        with torch.inference_mode():
            for value, crop in zip(values, crops, strict=True):
                image = torch.from_numpy(np.array(crop.image)).permute(2, 0, 1)[None]
                value[:] = self._net(image.float() / 127.5 - 1)[0].numpy()
        return values

    def network(self) -> nn.Module:
        """The network itself."""
        return self._net
