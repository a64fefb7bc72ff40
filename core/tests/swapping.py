"""Swapping with a third party's model that draws what it sees, or all green; and what is green then."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien import SessionOptions, SwapReport, swap
from mien.contracts.model import ModelInputs
from mien.plugins.registry import Registry


@dataclass(frozen=True)
class Mirror:
    """The plugins of tests/plugins/mirror beside the installed ones, and a run of that model."""

    registry: Registry
    run: Path

    def swap(self, source: Path, output: Path, to: str | list[str] = "green", **settings: Any) -> SwapReport:
        run, progress = settings.pop("run", self.run), settings.pop("progress", None)
        # What stands in front of a face is left to others: one of the portraits wears glasses.
        options = SessionOptions(**{"blender": "paste", "threads": 2, "masker": "brows", **settings})
        return swap(run, source, output, to, options=options, progress=progress, registry=self.registry)


INPUTS = ModelInputs(("seen", "green", "nobody"), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def greenness(image: np.ndarray) -> np.ndarray:
    """Which pixels are green, bool (H, W)."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    return (green > 150) & (red < 100) & (blue < 100)


def inner_face(mirror: Mirror, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and last row and column of the rectangle about eyes, nose and mouth."""
    landmarks = mirror.registry.create("extractor", "blinkered").extract(image)[0].landmarks[36:]
    return landmarks.min(0)[::-1].astype(int), landmarks.max(0)[::-1].astype(int)
