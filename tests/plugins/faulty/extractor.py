"""An extractor with one fault of many."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mien import Box, Extractor, Face
from mien.contracts.face import RgbImage

from .fault import FaultConfig, fail


class FaultyExtractor(Extractor):
    """Finds one face in the middle of every image."""

    Config = FaultConfig
    config: FaultConfig

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        fault = self.config.fault
        fail(fault)
        if fault == "writes":
            image[:] = 0
        height, width = image.shape[:2]
        spread = np.random.default_rng(0).uniform(0.3, 0.7, (68, 2)) * (width, height)
        landmarks = spread.astype(np.float32)
        face = Face(Box(0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height), landmarks, 0.9)
        if fault == "not finite":
            landmarks[3] = np.nan
        faces: Any = {
            "shape": [replace(face, landmarks=landmarks[:67])],
            "dtype": [replace(face, landmarks=landmarks.astype(float))],
            "box": [replace(face, box=Box(9, 0, 8, 9))],
            "box not finite": [replace(face, box=Box(0, 0, np.nan, 9))],
            "score": [replace(face, score=1.5)],
            "score not finite": [replace(face, score=float("nan"))],
            "type": (face,),
            "member": [landmarks],
            "none": None,
        }
        found: list[Face] = faces.get(fault, [face])
        return found

    def extract_all(self, images: Sequence[RgbImage]) -> list[list[Face]]:
        """The last image's faces left out, or all."""
        found = super().extract_all(images)
        return found[:-1] if self.config.fault == "images" else found

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """One answer too few, or the faces as they are."""
        fail(self.config.fault)
        if self.config.fault == "writes":
            image[:] = 0
        if self.config.fault == "writes into the faces":
            for face in faces:
                if face.landmarks is not None:
                    face.landmarks[:] = 0
        return list(faces[1:] if self.config.fault == "shape" else faces)
