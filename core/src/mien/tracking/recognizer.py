"""Whose face it is: told by any installed feature whose distances tell people apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import FaceCrop
from mien.contracts.feature import Feature
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry, known_distributions


class Recognizer:
    """Tells people apart by the first installed feature, in the order of names, that sets `same_person_below`.

    Raises MienError if there is none.
    """

    def __init__(self, registry: Registry) -> None:
        name, self.same_person_below = _feature_that_tells_people_apart(registry)
        self.features = FeatureSet(name, registry)
        """A set of that one feature."""
        self.key = self.features.features[0][0]
        """The feature's key, as in `FeatureSet.features`."""

    def encode(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Encode N faces: float32 (N, D). The crops should hold their scene. Raises MienError if the feature fails."""
        values = self.features.compute(crops)[self.key]
        return values.reshape(len(crops), self.features.length)

    def distances(self, encodings: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far N encodings (N, D) lie from a reference (D,): Euclidean, float64 (N,).

        Below `same_person_below` it is the same person.
        """
        distances: NDArray[np.float64] = np.linalg.norm(encodings - reference.astype(np.float64), axis=1)
        return distances

    def reference(self, path: Path, extractor: Extractor | ExtractorSet) -> NDArray[np.float32]:
        """Encode the surest face of an image file: float32 (D,).

        Raises MienError if the file is unreadable or shows no face.
        """
        from mien.media.images import read_image

        image = read_image(path)
        measured = [face.landmarks for face in extractor.extract(image) if face.landmarks is not None]
        if not measured:
            raise MienError(f"No face was found in {path}.", "Give an image that shows the person's face larger.")
        encoding: NDArray[np.float32] = self.encode([align(image, measured[0])])[0]
        return encoding


def _feature_that_tells_people_apart(registry: Registry) -> tuple[str, float]:
    broken: list[str] = []
    for name in registry.names("feature"):
        try:
            feature = cast(type[Feature], registry.load("feature", name))
        except MienError as error:
            broken.append(error.message)
        else:
            if feature.same_person_below is not None:
                return name, feature.same_person_below
    reasons = "".join(f" {message}" for message in broken)
    missing = known_distributions().get("identity", {}).values()
    raise MienError(
        f"No installed feature tells people apart.{reasons}", f"pip install {' '.join(missing)}" if missing else ""
    )
