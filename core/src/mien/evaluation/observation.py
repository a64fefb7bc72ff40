"""What a viewer sees of a face: found again in its scene, measured and recognized."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Face, FaceCrop, Landmarks, RgbImage
from mien.evaluation.expression_judge import ExpressionJudge
from mien.geometry.alignment import align
from mien.plugins.extractor_set import ExtractorSet
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import face_size, mean_distance

_NO_WEIGHTS = np.zeros(0, np.float32)


class Observation(NamedTuple):
    """A face, as it was seen; NaN throughout if it is not found."""

    landmarks: Landmarks
    """float32 (68, 2), in scene pixels."""
    encoding: NDArray[np.float32]
    """float32 (D,), by the recognizer."""
    by_judges: tuple[NDArray[np.float32], ...] = ()
    """The same by each judge."""
    weights: NDArray[np.float32] = _NO_WEIGHTS
    """float32 (W,): what the face does, by the judge of expressions; without one, W is 0."""


_AT_ITS_PLACE = 0.5
"""A face counts as found again where its landmarks are on average nearer than this share of its size."""


@dataclass(frozen=True, slots=True)
class Observations:
    """N faces; a face that was not found is NaN throughout."""

    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2), in scene pixels."""
    encodings: NDArray[np.float32]
    """float32 (N, D), by the recognizer."""
    by_judges: tuple[NDArray[np.float32], ...] = ()
    """The same by each judge."""
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """float32 (N, W): what the faces do, by the judge of expressions; without one, W is 0."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool (N,)."""
        found: NDArray[np.bool_] = np.all(np.isfinite(self.landmarks), axis=(1, 2))
        return found

    def distances_to(self, encodings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Identity distance of each face to one encoding (D,), or to one each (N, D): float64 (N,)."""
        return identity_distances(self.encodings, encodings)


def face_at(faces: Sequence[Face], place: Landmarks) -> Landmarks | None:
    """The landmarks of the face that lies where another one did; None if there is none.

    place: landmarks of the face that was there before, in the same pixels.
    """
    size = face_size(place)
    found = [face.landmarks for face in faces if face.landmarks is not None]
    near = [(mean_distance(landmarks, place) / size, landmarks) for landmarks in found]
    distance, landmarks = min(near, key=lambda found: found[0], default=(np.inf, place))
    return landmarks if distance <= _AT_ITS_PLACE else None


class FaceLocator:
    """Observations at images with an extractor, a recognizer and judges; what it does is done by one thread.

    expressions: a judge of expressions, or None.
    """

    def __init__(
        self,
        extractors: ExtractorSet,
        recognizer: Recognizer,
        judges: Sequence[Recognizer] = (),
        expressions: ExpressionJudge | None = None,
    ) -> None:
        self._extractors, self._recognizers = extractors, (recognizer, *judges)
        self._expressions = expressions

    def look(self, image: RgbImage, place: Landmarks) -> Observation:
        """The face at a place; NaN if there is none.

        image: uint8 (H, W, 3). place: landmarks of the face that was there before. Raises MienError if a plugin fails.
        """
        return self.look_among(image, self._extractors.extract(image), place)

    def look_among(self, image: RgbImage, faces_found: Sequence[Face], place: Landmarks) -> Observation:
        """The same of a face among those that were found in the image already."""
        landmarks = face_at(faces_found, place)
        if landmarks is None:
            unknown = [np.full(recognizer.length, np.nan, np.float32) for recognizer in self._recognizers]
            weights = np.full(len(self._expressions.names) if self._expressions else 0, np.nan, np.float32)
            return Observation(np.full_like(place, np.nan), unknown[0], tuple(unknown[1:]), weights)
        return self.recognize(align(image, landmarks), landmarks)

    def recognize(self, crop: FaceCrop, landmarks: Landmarks) -> Observation:
        """A face that is found already. landmarks: in scene pixels. Raises MienError if a plugin fails."""
        encodings = [recognizer.encode([crop])[0] for recognizer in self._recognizers]
        weights = self._expressions.measure([crop])[0] if self._expressions else _NO_WEIGHTS
        return Observation(landmarks, encodings[0], tuple(encodings[1:]), weights)


def gathered(observations: Sequence[Observation]) -> Observations:
    """Observations at N ≥ 1 faces as one."""
    return Observations(
        np.stack([observation.landmarks for observation in observations]),
        np.stack([observation.encoding for observation in observations]),
        tuple(
            np.stack(encodings)
            for encodings in zip(*(observation.by_judges for observation in observations), strict=True)
        ),
        np.stack([observation.weights for observation in observations]),
    )


def identity_distances(originals: NDArray[np.float32], encodings: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far N encodings (N, D) lie from one (D,), or from one each (N, D): float64 (N,)."""
    distances: NDArray[np.float64] = np.linalg.norm(originals.astype(np.float64) - encodings, axis=1)
    return distances
