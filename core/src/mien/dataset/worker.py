"""What one worker process does with one chunk."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Face, FaceCrop, RgbImage
from mien.dataset.chunk import ANOTHER_PERSON, FAILED, NO_FACE, NOT_LARGEST, UNREADABLE, Chunk, SourceFile
from mien.dataset.messages import Advanced, Begin
from mien.dataset.recipe import Recipe
from mien.dataset.shard import Row, ShardWriter, writing_shard
from mien.dataset.sharpness import sharpness
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer

Tell = Callable[[Advanced], None]


@dataclass(frozen=True, slots=True)
class _LoadedImage:
    """An image or frame, or the reason why there is none."""

    source: SourceFile
    image: RgbImage | None
    frame: int | None = None
    pts: int | None = None
    reason: str = ""

    def row(self, **columns: Any) -> Row:
        return {
            "source": self.source.name,
            "frame": self.frame,
            "pts": self.pts,
            "source_size": self.source.size,
            "source_mtime_ns": self.source.mtime_ns,
            **columns,
        }


@dataclass(frozen=True, slots=True)
class _FoundFace:
    number: int
    face: Face
    crop: FaceCrop
    mask: NDArray[np.uint8]
    dropped: str = ""
    values: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class ChunkWorker:
    """Turns chunks into shards. Raises MienError if a plugin is missing or cannot be made."""

    def __init__(self, registry: Registry, recipe: Recipe) -> None:
        self._recipe = recipe
        self._extractor = ExtractorSet(recipe.extractor, registry)
        self._features = FeatureSet(recipe.features_text, registry)
        self._recognizer = Recognizer(registry) if recipe.keep_person is not None else None
        self._video: Any = None

    def do(self, chunk: Chunk, begin: Begin, tell: Tell) -> None:
        """Write the chunk's shard. Raises MienError if it cannot be written; what cannot be read is noted in it."""
        with writing_shard(begin.work / chunk.key, self._recipe) as shard:
            for loaded in self._images(chunk):
                if loaded.image is None:
                    shard.drop(loaded.row(dropped=f"{UNREADABLE}: {loaded.reason}"))
                    tell(Advanced(0 if chunk.frames else 1, 0, readable=False))
                    continue
                try:
                    found = self._measured(loaded.image)
                # A plugin may raise anything on an image, and the others are not to suffer for it.
                except Exception as error:
                    failure = error.message if isinstance(error, MienError) else _in_words(error)
                    shard.drop(loaded.row(dropped=f"{FAILED}: {failure}"))
                    tell(Advanced(1, 0, failure=failure))
                else:
                    _write(loaded, found, shard)
                    tell(Advanced(1, sum(not face.dropped for face in found)))

    def _images(self, chunk: Chunk) -> Iterator[_LoadedImage]:
        for source in chunk.sources:
            if source.kind == "video":
                yield from self._frames(source, chunk.frames)
            elif source.kind == "unreadable":
                yield _LoadedImage(source, None, reason=source.reason)
            else:
                try:
                    image = read_image(source.path)
                except MienError as error:
                    yield _LoadedImage(source, None, reason=error.message)
                else:
                    yield _LoadedImage(source, image)

    def _frames(self, source: SourceFile, frames: tuple[int, int] | None) -> Iterator[_LoadedImage]:
        from mien.media.video_reader import VideoSource  # loads PyAV, which images do without

        start, stop = frames or (0, 0)
        reached = start
        try:
            if self._video is None or self._video.path != source.path:
                self._video = VideoSource(source.path)
            for frame in self._video.frames(start, stop):
                yield _LoadedImage(source, frame.image, frame.index, frame.pts)
                reached = frame.index + 1
            if reached < stop:
                yield _LoadedImage(source, None, reached, reason=f"the video ends before frame {reached}")
            elif stop == len(self._video.frame_times()) and self._video.damage:
                yield _LoadedImage(source, None, reached, reason=f"from frame {reached}: {self._video.damage}")
        except MienError as error:
            yield _LoadedImage(source, None, reached if frames else None, reason=error.message)

    def _measured(self, image: RgbImage) -> list[_FoundFace]:
        faces = [face for face in self._extractor.extract(image) if face.landmarks is not None]
        found = [self._cut_out(number, face, image) for number, face in enumerate(faces)]
        if not found:
            return []
        measured = self._recognizer.features.compute([face.crop for face in found]) if self._recognizer else {}
        if self._recognizer:
            found = self._only_this_person(found, measured, self._recognizer)
        if self._recipe.largest:
            found = _only_the_largest(found)
        kept = [number for number, face in enumerate(found) if not face.dropped]
        known = {key: values[kept] for key, values in measured.items()}
        values = self._features.compute([found[number].crop for number in kept], known)
        for position, number in enumerate(kept):
            found[number] = replace(found[number], values={key: value[position] for key, value in values.items()})
        return found

    def _cut_out(self, number: int, face: Face, image: RgbImage) -> _FoundFace:
        if face.landmarks is None:
            raise ValueError("a face without landmarks cannot be cut out")
        crop = align(image, face.landmarks, self._recipe.alignment)
        mask = np.rint(crop.mask * 255).astype(np.uint8)
        # As the dataset gives it back, so that a feature that is added later sees the very same.
        crop = replace(crop, mask=(mask / 255).astype(np.float32))
        return _FoundFace(number, face, crop, mask)

    def _only_this_person(
        self, found: list[_FoundFace], measured: Mapping[str, NDArray[np.float32]], recognizer: Recognizer
    ) -> list[_FoundFace]:
        encodings = measured[recognizer.key].reshape(len(found), -1)
        distances = recognizer.distances(encodings, np.array(self._recipe.keep_person, np.float32))
        return [
            face
            if distance < recognizer.same_person_below
            else replace(face, dropped=f"{ANOTHER_PERSON}: distance {distance:.2f}")
            for face, distance in zip(found, distances, strict=True)
        ]


def _write(loaded: _LoadedImage, found: Sequence[_FoundFace], shard: ShardWriter) -> None:
    if not found:
        shard.drop(loaded.row(dropped=NO_FACE))
    for face in found:
        if face.dropped:
            shard.drop(loaded.row(**_columns(face), dropped=face.dropped))
        else:
            shard.keep(face.crop, face.mask, face.values, loaded.row(**_columns(face)))


def _only_the_largest(found: list[_FoundFace]) -> list[_FoundFace]:
    candidates = [face for face in found if not face.dropped]
    if not candidates:
        return found
    largest = max(candidates, key=lambda face: face.face.box.area)
    return [face if face is largest or face.dropped else replace(face, dropped=NOT_LARGEST) for face in found]


def _columns(found: _FoundFace) -> Row:
    box = found.face.box
    return {
        "face": found.number,
        "box": [float(side) for side in (box.left, box.top, box.right, box.bottom)],
        "to_crop": [float(value) for value in found.crop.to_crop.ravel()],
        "score": float(found.face.score) if math.isfinite(found.face.score) else None,
        "sharpness": sharpness(found.crop.image, found.mask),
    }


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
