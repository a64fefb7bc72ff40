"""What a viewer sees of a face: found again in its scene, measured and recognized."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, RgbImage
from mien.geometry.alignment import align
from mien.plugins.extractor_set import ExtractorSet
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import face_size, mean_distance

Observation: TypeAlias = tuple[Landmarks, NDArray[np.float32]]
"""A face's landmarks, float32 (68, 2), in scene pixels, and its encoding, float32 (D,); NaN if it is not found."""

_AT_ITS_PLACE = 0.5
"""A face counts as found again where its landmarks are on average nearer than this share of its size."""


@dataclass(frozen=True, slots=True)
class Observations:
    """N faces; a face that was not found is NaN throughout."""

    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2), in scene pixels."""
    encodings: NDArray[np.float32]
    """float32 (N, D)."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool (N,)."""
        found: NDArray[np.bool_] = np.all(np.isfinite(self.landmarks), axis=(1, 2))
        return found

    def distances_to(self, encodings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Identity distance of each face to one encoding (D,), or to one each (N, D): float64 (N,)."""
        distances: NDArray[np.float64] = np.linalg.norm(self.encodings.astype(np.float64) - encodings, axis=1)
        return distances


class FaceLocator:
    """Observations at images with an extractor and a recognizer; what it does is done by one thread."""

    def __init__(self, extractors: ExtractorSet, recognizer: Recognizer) -> None:
        self._extractors, self._recognizer = extractors, recognizer

    def look(self, image: RgbImage, place: Landmarks) -> Observation:
        """The face at a place; NaN if there is none.

        image: uint8 (H, W, 3). place: landmarks of the face that was there before. Raises MienError if a plugin fails.
        """
        size = face_size(place)
        found = [face.landmarks for face in self._extractors.extract(image) if face.landmarks is not None]
        faces = [(mean_distance(landmarks, place) / size, landmarks) for landmarks in found]
        distance, landmarks = min(faces, key=lambda found: found[0], default=(np.inf, place))
        if distance > _AT_ITS_PLACE:
            length = self._recognizer.features.length
            return np.full_like(place, np.nan), np.full(length, np.nan, np.float32)
        return landmarks, self._recognizer.encode([align(image, landmarks)])[0]


def gathered(observations: Sequence[Observation]) -> Observations:
    """Observations at N ≥ 1 faces as one."""
    return Observations(
        np.stack([landmarks for landmarks, _ in observations]), np.stack([encoding for _, encoding in observations])
    )
