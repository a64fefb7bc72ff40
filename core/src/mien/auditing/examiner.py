"""What is left of each face: looked at in both images, with plugins that made neither."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.auditing.frames import ImagePair, PairedFrames, SoleFrames
from mien.auditing.unchanged import unchanged_share
from mien.contracts.face import Box, Face, RgbImage
from mien.geometry.alignment import AlignmentConfig, align, can_align
from mien.geometry.boxes import is_same_face, overlap
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer
from mien.workers.threads import Pool, ordered_map

Encoding = NDArray[np.float32]
"""float32 (D,)."""


@dataclass(frozen=True, slots=True)
class ExaminedFace:
    """A face of the original, or one that was found in the output alone."""

    box: Box
    score: float
    """The larger of the two images'."""
    in_original: bool
    in_output: bool
    """Whether a face is found at that place in each."""
    unchanged: float
    """How much of it is as it was, see `unchanged_share`; not a number if nothing can be said."""
    original_encoding: Encoding | None
    output_encoding: Encoding | None
    """Who it is in each, at the landmarks that are found there; if none are, at the original's, since whoever looks for
    somebody knows the place. None without landmarks in the original."""
    judged: tuple[float | None, ...] = ()
    """How far each judge says that they lie apart; None where there are no encodings."""


@dataclass(frozen=True, slots=True)
class ExaminedImage:
    """The faces of one image pair, and the images."""

    images: ImagePair
    faces: Sequence[ExaminedFace]


class Examiner:
    """Finds and recognizes the faces of image pairs, several at once.

    extractor, recognizer, judges: plugin choices. Raises MienError if one cannot be made.
    """

    def __init__(
        self, extractor: str, recognizer: str, judges: Sequence[str], threads: int, registry: Registry
    ) -> None:
        self._threads = threads
        self._extractors = Pool(lambda: ExtractorSet(extractor, registry), threads)
        self._recognizers = Pool(lambda: [Recognizer(registry, one) for one in (recognizer, *judges)], threads)
        with self._extractors.borrowed() as extractors, self._recognizers.borrowed() as borrowed:
            self.extractor = extractors.text
            """All settings spelled out."""
            self.recognizer, *self.judges = borrowed
            """One of them, to compare encodings, and the judges."""

    def examine(self, frames: PairedFrames) -> Iterator[ExaminedImage]:
        """All image pairs, in order. Raises MienError if one cannot be read or a plugin fails."""
        with closing(ordered_map(self._examined, frames.images(), self._threads, 2 * self._threads)) as examined:
            yield from examined

    def search(self, frames: SoleFrames, *, encode: bool) -> Iterator[list[tuple[Face, Encoding | None]]]:
        """The faces of each image that has no original, in order; encoded, if asked for and they have landmarks.

        Raises MienError if an image cannot be read or a plugin fails.
        """

        def searched(image: RgbImage) -> list[tuple[Face, Encoding | None]]:
            with self._extractors.borrowed() as extractors:
                faces = extractors.extract(image)
            if not encode:
                return [(face, None) for face in faces]
            with self._recognizers.borrowed() as (recognizer, *_):
                return [(face, _encoding(image, face, recognizer)) for face in faces]

        with closing(ordered_map(searched, frames.images(), self._threads, 2 * self._threads)) as found:
            yield from found

    def _examined(self, images: ImagePair) -> ExaminedImage:
        with self._extractors.borrowed() as extractors:
            before = extractors.extract(images.original)
            after = extractors.extract(images.output)
        with self._recognizers.borrowed() as recognizers:
            return ExaminedImage(images, list(_compared(images, before, after, recognizers)))


def _compared(
    images: ImagePair, before: Sequence[Face], after: Sequence[Face], recognizers: Sequence[Recognizer]
) -> Iterator[ExaminedFace]:
    left = list(after)
    for face in before:
        there = [other for other in left if is_same_face(other.box, face.box)]
        match = max(there, key=lambda other: overlap(other.box, face.box), default=None)
        if match:
            left.remove(match)
        (original_encoding, output_encoding), *judged = [
            _encodings(images, face, match, recognizer) for recognizer in recognizers
        ]
        yield ExaminedFace(
            face.box,
            max(face.score, match.score if match else 0.0),
            in_original=True,
            in_output=match is not None,
            unchanged=unchanged_share(images.original, images.output, face),
            original_encoding=original_encoding,
            output_encoding=output_encoding,
            judged=tuple(map(_distance, recognizers[1:], judged)),
        )
    for face in left:
        yield ExaminedFace(
            face.box,
            face.score,
            in_original=False,
            in_output=True,
            unchanged=unchanged_share(images.original, images.output, face),
            original_encoding=None,
            output_encoding=None,
        )


def _encodings(
    images: ImagePair, face: Face, match: Face | None, recognizer: Recognizer
) -> tuple[Encoding | None, Encoding | None]:
    original = _encoding(images.original, face, recognizer)
    if original is None:
        return None, None
    output = _encoding(images.output, match, recognizer) if match else None
    return original, _encoding(images.output, face, recognizer) if output is None else output


def _distance(recognizer: Recognizer, encodings: tuple[Encoding | None, Encoding | None]) -> float | None:
    original, output = encodings
    return None if original is None or output is None else float(recognizer.distances(output[None], original)[0])


def _encoding(image: RgbImage, face: Face, recognizer: Recognizer) -> Encoding | None:
    config = recognizer.feature.alignment or AlignmentConfig()
    if face.landmarks is None or not can_align(face, config):
        return None
    encoding: Encoding = recognizer.encode([align(image, face, config)])[0]
    return encoding
