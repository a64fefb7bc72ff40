"""Who it is, in 128 numbers."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, inverse, transform_points
from mien_feature_encoding.network import CHIP_PX, RecognitionNetwork

_FILE = "dlib_face_recognition_resnet_model_v1.dat"
_REINSTALL = "pip install --force-reinstall mien-feature-encoding face_recognition_models"


class Encoding(Feature):
    """dlib's face encoding (dlib_face_recognition_resnet_model_v1): 128 numbers of Euclidean length about 1.5.

    Images of one person lie within 0.6 of each other; the net was trained to that radius. It looks at a chip of
    150 px that dlib cuts from the scene by the landmarks, so the crop has to know its scene.
    """

    config: PluginConfig
    needs_scene = True
    network_alignment = AlignmentConfig(size=CHIP_PX, template="dlib")
    same_person_below = 0.6

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self._dlib, self._net = _load_net()

    @property
    def shape(self) -> tuple[int, ...]:
        """(128,)."""
        return (128,)

    @property
    def bounds(self) -> tuple[float, float]:
        """(-0.6, 0.6)."""
        return (-0.6, 0.6)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Encode N faces: float32 (N, 128).

        Raises MienError if a crop has lost its scene, or its landmarks are not known.

        Face by face, 10 ms each on one core: a batch would save a quarter, and give each face other last digits
        according to those beside it.
        """
        values = np.empty((len(crops), 128), np.float32)
        with torch.inference_mode():
            for row, (value, crop) in enumerate(zip(values, crops, strict=True)):
                chip = torch.from_numpy(self._chip(crop, row)).permute(2, 0, 1)[None]
                value[:] = self._net(chip.float())[0].numpy()
        return values

    def network(self) -> nn.Module:
        """The same network for a loss. The chips that it is given are cut by our own transform, not dlib's: they lie
        half a pixel beside dlib's, and the encodings within 0.1."""
        return nn.Sequential(_ToByteRange(), _load_net()[1])

    def _chip(self, crop: FaceCrop, row: int) -> NDArray[np.uint8]:
        if crop.scene is None:
            raise MienError(
                f"The feature encoding looks at the image around a face, and face {row} has only its crop.",
                "It can be added to a dataset as long as its sources are there: "
                "mien preprocess DATASET --features encoding",
            )
        if crop.landmarks is None:
            raise MienError(
                f"The feature encoding cuts a face out by its landmarks, and face {row} is known by its box alone.",
                "Choose an --extractor that finds landmarks.",
            )
        scene = np.ascontiguousarray(crop.scene)  # of a view with padded rows, dlib reads freed memory
        points = np.rint(transform_points(inverse(crop.to_crop), crop.landmarks)).astype(int)
        parts = self._dlib.points([self._dlib.point(int(x), int(y)) for x, y in points])
        (left, top), (right, bottom) = points.min(0), points.max(0)
        box = self._dlib.rectangle(int(left), int(top), int(right), int(bottom))
        chip: NDArray[np.uint8] = self._dlib.get_face_chip(scene, self._dlib.full_object_detection(box, parts))
        return chip


class _ToByteRange(nn.Module):
    """[-1, 1] → [0, 255]."""

    def forward(self, images: Tensor) -> Tensor:
        return (images + 1) * 127.5


def _load_net() -> tuple[Any, RecognitionNetwork]:
    """The module dlib, which cuts chips out, and a new net. They load when the feature is made."""
    try:
        import dlib

        # Importing face_recognition_models takes a sixth of a second, for pkg_resources, and does nothing else.
        models = find_spec("face_recognition_models")
        if models is None or models.origin is None:
            raise ImportError("face_recognition_models is not installed")
    except ImportError as error:
        raise MienError(f"The feature encoding cannot load dlib and its net: {error}.", _REINSTALL) from error
    try:
        net = RecognitionNetwork(Path(models.origin).parent / "models" / _FILE)
    except (OSError, ValueError) as error:
        raise MienError(f"The feature encoding cannot read its net: {error}.", _REINSTALL) from error
    return dlib, net.eval()
