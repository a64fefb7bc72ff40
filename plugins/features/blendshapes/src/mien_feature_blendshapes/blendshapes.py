"""The expression of a face, whoever it is: 52 weights."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig
from mien.geometry.alignment import AlignmentConfig
from mien.networks.packaged import packaged_network
from mien.networks.tflite import TfliteNetwork, image_input
from mien_feature_blendshapes.names import NAMES, POINTS

MESH_PX = 256
_MESH, _MESH_OUTPUT = "face_landmarks_detector.tflite", "Identity"
_WEIGHTS, _WEIGHTS_OUTPUT = "face_blendshapes.tflite", "StatefulPartitionedCall:0"


class Blendshapes(Feature):
    """MediaPipe's blendshapes, each in [0, 1]: how far a jaw is open, a lid closed, a brow raised.

    The face mesh is laid over the crop, and the weights are told by the mesh alone. Instances run in threads side by
    side: each has its own networks.
    """

    config: PluginConfig
    alignment = AlignmentConfig(size=MESH_PX, template="landmarks", margin=0.35, shift_y=0.09)
    """Half as wide again as the mesh will be, about its middle: as MediaPipe follows a face. bench/mediapipe.py."""
    value_names = NAMES

    def __init__(self, config: PluginConfig | None = None) -> None:
        """Raises MienError if a network cannot be read."""
        super().__init__(config)
        with packaged_network(__package__, _MESH, "feature blendshapes") as network:
            self._mesh = TfliteNetwork(network, (_MESH_OUTPUT,))
        with packaged_network(__package__, _WEIGHTS, "feature blendshapes") as network:
            self._weights = TfliteNetwork(network, (_WEIGHTS_OUTPUT,))

    @property
    def shape(self) -> tuple[int, ...]:
        """(52,)."""
        return (len(NAMES),)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1)."""
        return (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N faces, each cut as `alignment` says: float32 (N, 52)."""
        values = np.empty((len(crops), len(NAMES)), np.float32)
        for value, crop in zip(values, crops, strict=True):
            (value[:],) = self._weights(self.mesh(crop)[None, list(POINTS), :2])
        return values

    def mesh(self, crop: FaceCrop) -> NDArray[np.float32]:
        """The face mesh on a crop: float32 (478, 3) in pixels of a crop of 256."""
        image = np.ascontiguousarray(crop.image)
        if crop.size != MESH_PX:
            image = cv2.resize(image, (MESH_PX, MESH_PX), interpolation=cv2.INTER_LINEAR_EXACT).astype(
                np.uint8, copy=False
            )
        (points,) = self._mesh(image_input(image))
        return points.reshape(-1, 3)
