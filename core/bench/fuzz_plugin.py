"""An extractor that takes the middle of every image for a face, so that little time goes into what is not tried."""

import sys
from pathlib import Path

import numpy as np

from mien import Box, Extractor, Face, PluginConfig
from mien.contracts.face import RgbImage
from mien.contracts.hooks import PluginSpec, hookimpl

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "plugins"))
from third_party.template import LANDMARKS

SMALLEST_PX = 16


@hookimpl
def register_extractors() -> list[PluginSpec]:
    return [PluginSpec("middle", f"{__name__}:Middle", "a face in the middle", contract=2)]


class Middle(Extractor):
    """One face in every image that is large enough."""

    Config = PluginConfig

    def extract(self, image: RgbImage) -> list[Face]:
        """See `mien.Extractor.extract`."""
        height, width = image.shape[:2]
        if min(width, height) < SMALLEST_PX:
            return []
        points = (LANDMARKS * (width, height)).astype(np.float32)
        return [Face(Box(*map(float, (*points.min(0), *points.max(0)))), points, 0.95)]
