"""Extractors that know other points than the core's 68, or none. The faces are found by one that is installed."""

from dataclasses import replace
from typing import cast

import numpy as np

from mien import Extractor, Face, PluginConfig, Registry
from mien.contracts.face import RgbImage
from mien.geometry.templates import five_points


class Boxes(Extractor):
    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.eyes = cast(Extractor, Registry().create("extractor", "face_recognition"))

    def extract(self, image: RgbImage) -> list[Face]:
        return [replace(self.known(face), landmarks=None) for face in self.eyes.extract(image)]

    def known(self, face: Face) -> Face:
        return face


class FivePoints(Boxes):
    def known(self, face: Face) -> Face:
        return replace(face, points={"five": five_points(face.landmarks, {}).astype(np.float32)})


class Mesh(Boxes):
    def extract(self, image: RgbImage) -> list[Face]:
        faces = self.eyes.extract(image)
        return [replace(face, points={"mesh478": np.resize(face.landmarks, (478, 2))})
                for face in faces if face.landmarks is not None]  # fmt: skip
