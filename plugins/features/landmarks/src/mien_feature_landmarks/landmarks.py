"""Where the parts of a face are in its crop."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.contracts.plugin import PluginConfig
from mien.errors import MienError
from mien_feature_landmarks.subsets import Subset, weights


class LandmarksConfig(PluginConfig):
    """Which landmarks."""

    points: Subset = 68
    """68: iBUG's landmarks. 72: those of the face_recognition package, which lists the lips' corners twice. 28: eyes,
    mouth, five points of the contour, the nose's mean. 10: means of the eyes and of the nose, four of the mouth, three
    of the chin. 5: the first five of those. regions: nine means (chin, brows, nose bridge and tip, eyes, lips)."""


class LandmarksFeature(Feature):
    """Landmarks as shares of the crop's side: x and y in [0, 1], from its left and upper edges."""

    Config = LandmarksConfig
    config: LandmarksConfig

    def __init__(self, config: LandmarksConfig | None = None) -> None:
        super().__init__(config)
        self._weights = weights(self.config.points)

    @property
    def shape(self) -> tuple[int, ...]:
        """(points, 2)."""
        return (len(self._weights), 2)

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1): a crop has a margin around its landmarks."""
        return (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N faces: float32 (N, points, 2). Raises MienError for a face whose landmarks are not known."""
        values = np.empty((len(crops), *self.shape), np.float32)
        for row, (value, crop) in enumerate(zip(values, crops, strict=True)):
            if crop.landmarks is None:
                raise MienError(
                    f"The feature landmarks measures where they are, and face {row} is known by its box alone.",
                    "Choose an --extractor that finds landmarks, or other --features.",
                )
            # Landmarks count from the centre of the first pixel, half a pixel from the crop's edge.
            value[:] = self._weights @ ((crop.landmarks + 0.5) / crop.size)
        return values
