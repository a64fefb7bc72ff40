"""Faces and five points on each, by CenterFace."""

import numpy as np
from pydantic import Field

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, RgbImage
from mien.contracts.plugin import PluginConfig
from mien_extractor_centerface.detector import Detections, Detector
from mien_extractor_centerface.search import search


class CenterFaceConfig(PluginConfig):
    """What counts as a face, and how large the image is in which faces are searched."""

    presets = {"thorough": {"threshold": 0.35, "search_side_px": None}}

    threshold: float = Field(default=0.6, gt=0.0, lt=1.0)
    """Least score of a face. 0.5 is as likely a face as not (0.2 of the network's own scores; 0.8 is 0.5 of them). Less
    finds more of the smallest and of the hidden faces, and more that are none."""
    search_side_px: int | None = Field(default=1920, ge=32)
    """Longer side of the image in which faces are searched, at most; a larger one is shrunk for that, which loses faces
    smaller than 12/search_side_px of it (by default a 160th). none: full size, whatever time that takes; large images
    are looked at in overlapping tiles, so that memory stays bounded."""
    overlap: float = Field(default=0.3, gt=0.0, lt=1.0)
    """Of two boxes that share more than this, as intersection over union, only the surer one counts. More keeps faces
    of which one hides part of another, and finds some faces twice."""


class CenterFace(Extractor):
    """CenterFace by Star Clouds, run by OpenCV on a processor: boxes from brow to chin and five points, no landmarks.

    Instances run in threads side by side: each has its own network. The scores are in (0, 1): see `probability`.
    """

    Config = CenterFaceConfig
    config: CenterFaceConfig

    def __init__(self, config: CenterFaceConfig | None = None) -> None:
        super().__init__(config)
        self._detector = Detector()

    def extract(self, image: RgbImage) -> list[Face]:
        """Find all faces, surest first, each with `points["five"]`. See `Extractor.extract`."""
        height, width = image.shape[:2]
        side = self.config.search_side_px
        finest = 1.0 if side is None else min(1.0, side / max(height, width))
        found = search(image, finest, self.config.overlap, self._detect)
        inside = np.all((found.boxes[:, 1] > 0) & (found.boxes[:, 0] < [width, height]), axis=1)
        return _faces(found[inside])

    def _detect(self, image: RgbImage) -> Detections:
        return self._detector.detect(image, self.config.threshold, self.config.overlap)


def _faces(found: Detections) -> list[Face]:
    corners = found.boxes.reshape(-1, 4).tolist()
    five = found.points.astype(np.float32)
    return [
        Face(Box(*box), None, score, {"five": points})
        for box, score, points in zip(corners, found.scores.tolist(), five, strict=True)
    ]
