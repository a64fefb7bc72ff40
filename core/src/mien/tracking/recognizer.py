"""Who somebody is: the recognizer that was chosen, and the encodings that it tells people apart by."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, FaceCrop, RgbImage
from mien.contracts.feature import Feature
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig, align, can_align
from mien.plugins.choice import parse_choices
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry, known_distributions
from mien.tracking.recognizer_record import RecognizerRecord, StoredEncoding


class Recognizer:
    """Tells people apart by one feature, the Euclidean distances of which do so.

    choice: that feature as a plugin choice, `name:key=value`; None: what `default_recognizer` says.
    Raises MienError if there is none, it cannot be made, or it does not tell people apart.
    """

    def __init__(self, registry: Registry, choice: str | None = None) -> None:
        choice = choice or default_recognizer(registry)
        if len(parse_choices(choice)) != 1:
            raise MienError(f"{choice!r} is not one recognizer.", "--recognizer NAME")
        self.features = FeatureSet(choice, registry)
        """A set of that one feature."""
        self.key, self.feature = self.features.features[0]
        """The feature's key, as in `FeatureSet.features`, and the feature."""
        self.record = RecognizerRecord.of(self.features.text, registry)
        """Which one it is, for whatever is made with it."""
        self.same_person_below = _checked_limit(self.feature, self.record, registry)
        """Two faces nearer than this are the same person."""

    @property
    def length(self) -> int:
        """Numbers D of an encoding."""
        return self.features.length

    def encode(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Encode N faces: float32 (N, D). The crops should hold their scene. Raises MienError if the feature fails."""
        values = self.features.compute(crops)[self.key]
        return values.reshape(len(crops), self.length)

    def distances(self, encodings: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far N encodings (N, D) lie from a reference (D,): Euclidean, float64 (N,).

        Below `same_person_below` it is the same person.
        """
        distances: NDArray[np.float64] = np.linalg.norm(encodings - reference.astype(np.float64), axis=1)
        return distances

    def mean(self, encodings: NDArray[np.float32]) -> NDArray[np.float32]:
        """One encoding of K ≥ 1 of a person, float32 (K, D): float32 (D,), as `mean_encoding` has it."""
        return mean_encoding(encodings)

    def reference(self, path: Path, extractor: Extractor | ExtractorSet) -> NDArray[np.float32]:
        """Encode the one face of an image file: float32 (D,).

        Raises MienError naming the file if it is missing or unreadable, or shows no face or several, or one without the
        landmarks that the feature needs.
        """
        image = _read_reference(path)
        faces = extractor.extract(image)
        if not faces:
            raise MienError(
                f"No face was found in {path}.",
                "Give an image that shows the person's face larger and from the front, or search it otherwise: "
                "--extractor NAME",
            )
        if len(faces) > 1:
            places = "; ".join(_place(face.box, image.shape) for face in faces)
            raise MienError(
                f"{path} shows {len(faces)} faces, and it is not said whose is meant: {places}.",
                "Cut out the person who is meant, with some space around the face, and give that image.",
            )
        config = self.feature.alignment or AlignmentConfig()
        if not can_align(faces[0], config):
            raise MienError(
                f"The face in {path} was found, but its landmarks are not known, which {self.record.choice} needs.",
                "Search it otherwise: --extractor NAME",
            )
        encoding: NDArray[np.float32] = self.encode([align(image, faces[0], config)])[0]
        return encoding

    def stored(self, encoding: StoredEncoding, where: str, fix: str) -> NDArray[np.float32]:
        """An encoding that was stored, float32 (D,), if it is by this very recognizer.

        where: what holds it, for the error. fix: the command that makes it anew. Raises MienError if another
        recognizer, or another version of this one, has made it: distances between the two would mean nothing.
        """
        if encoding.recognizer != self.record or len(encoding.values) != self.length:
            raise MienError(
                f"{where} holds an encoding of {encoding}; it cannot be compared with the {self.length} numbers by "
                f"{self.record}.",
                fix,
            )
        return np.array(encoding.values, np.float32)


def _read_reference(path: Path) -> RgbImage:
    from mien.media.discovery import find_sources
    from mien.media.images import read_image

    try:
        return read_image(path)
    except MienError:
        if path.is_dir() or (path.exists() and find_sources([path])[0].kind == "video"):
            raise MienError(
                f"{path} is a {'folder' if path.is_dir() else 'video'}; who somebody is, is told here by an image.",
                "Give an image that shows the person's face and no other, as a frame of a video.",
            ) from None
        raise


def mean_encoding(encodings: NDArray[np.float32]) -> NDArray[np.float32]:
    """One encoding of K ≥ 1 of a person, float32 (K, D): float32 (D,), their mean at the length they usually have.

    A plain mean is shorter, and so nearer to everybody; of unit vectors it would not be one.
    """
    mean = encodings.mean(0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    usual = float(np.linalg.norm(encodings.astype(np.float64), axis=1).mean())
    scaled: NDArray[np.float32] = (mean * (usual / length if length > 0 else 1.0)).astype(np.float32)
    return scaled


def default_recognizer(registry: Registry) -> str:
    """The name of the feature to tell people apart by when the choice was left open.

    It is the project's own, if it is installed: other features beside it change nothing. Otherwise it is the only one
    that tells people apart. Raises MienError if there is none, or several.
    """
    installed, known = registry.names("feature"), known_distributions().get("recognizer", {})
    if own := next((name for name in known if name in installed), None):
        return own
    able, broken = _able(registry)
    if len(able) > 1:
        raise MienError(
            f"Several features that tell people apart are installed: {', '.join(able)}. Which is it to be?",
            f"--recognizer {able[0]}",
        )
    if not able:
        reasons = "".join(f" {message}" for message in broken)
        raise MienError(
            f"No installed feature tells people apart.{reasons}",
            f"pip install {' '.join(known.values())}" if known else "mien plugins",
        )
    return able[0]


def _able(registry: Registry) -> tuple[list[str], list[str]]:
    """The installed features that tell people apart, by name, and why others cannot be loaded."""
    able, broken = list[str](), list[str]()
    for name in registry.names("feature"):
        try:
            able += [name] if tells_people_apart(name, registry) else []
        except MienError as error:
            broken.append(error.message)
    return able, broken


def tells_people_apart(name: str, registry: Registry) -> bool:
    """Whether a feature, as it is by default, can be a recognizer. Raises MienError if it cannot be loaded."""
    limit = cast(type[Feature], registry.load("feature", name)).same_person_below
    if limit is None or isinstance(limit, int | float):
        return limit is not None
    # A property: it follows from the settings, which only an instance has.
    return cast(Feature, registry.create("feature", name)).same_person_below is not None


def _checked_limit(feature: Feature, record: RecognizerRecord, registry: Registry) -> float:
    limit = feature.same_person_below
    if limit is None:
        able = _able(registry)[0]
        raise MienError(
            f"The feature {record} does not tell people apart.",
            " or ".join(f"--recognizer {name}" for name in able) or "--recognizer NAME, with a feature that does",
        )
    if not (math.isfinite(limit) and limit > 0):  # by NaN nobody would ever be recognized, and every leak pass
        raise MienError(
            f"The feature {record} has same_person_below = {limit}, which is no distance.",
            f"Report it to the makers of {record.distribution}, or take another: --recognizer NAME",
        )
    return float(limit)


def _place(box: Box, shape: tuple[int, ...]) -> str:
    """Where a face is, as far as it lies in an image of (H, W, …) pixels."""
    left, right = (round(min(max(x, 0), shape[1])) for x in (box.left, box.right))
    top, bottom = (round(min(max(y, 0), shape[0])) for y in (box.top, box.bottom))
    return f"{right - left} × {bottom - top} px at x = {left}, y = {top}"
