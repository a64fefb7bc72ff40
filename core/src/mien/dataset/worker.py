"""What one worker process does with one chunk."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Affine, Face, FaceCrop, RgbImage
from mien.dataset.chunk import (
    ANOTHER_PERSON,
    FAILED,
    NO_FACE,
    NO_LANDMARKS,
    NOT_LARGEST,
    UNREADABLE,
    Chunk,
    SourceFile,
)
from mien.dataset.recipe import Recipe
from mien.dataset.shard import Row, ShardWriter, writing_shard
from mien.dataset.source_names import printable
from mien.dataset.tasks import Advanced, Report
from mien.errors import MienError
from mien.geometry.alignment import cut, points_of, similarity_to_crop
from mien.geometry.masks import as_uint8_mask
from mien.geometry.pixel_shape import in_square_pixels
from mien.media.images import read_image
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer

_BYTES_AT_ONCE = 1 << 23
"""Of images that are searched together."""
_SQUARE = np.ones((3, 3), np.uint8)


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
            **{name: printable(value) if isinstance(value, str) else value for name, value in columns.items()},
        }


@dataclass(frozen=True, slots=True)
class _FoundFace:
    number: int
    face: Face
    crop: FaceCrop | None
    """Masked; None if the face cannot be cut out."""
    dropped: str = ""
    values: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class ChunkWorker:
    """Turns chunks into shards. Raises MienError if a plugin is missing or cannot be made."""

    def __init__(self, registry: Registry, recipe: Recipe) -> None:
        self._recipe = recipe
        self._extractors = ExtractorSet(recipe.extractor, registry)
        self._maskers = MaskerSet(recipe.masker, registry)
        self._features = FeatureSet(recipe.features_text, registry)
        self._recognizer: Recognizer | None = None
        self._person: NDArray[np.float32] | None = None
        if recipe.keep_person and recipe.recognizer:
            self._recognizer = Recognizer(registry, recipe.recognizer.choice)
            again = "mien preprocess DATASET --again --keep-person IMAGE"
            self._person = self._recognizer.stored(recipe.keep_person, "The dataset", again)
        self._video: Any = None

    def do(self, chunk: Chunk, folder: Path, report: Report) -> None:
        """Write the chunk's shard as that folder; what cannot be read is noted in it.

        Raises MienError if it cannot be written.
        """
        with writing_shard(folder, self._recipe) as shard:
            for some in _at_once(self._images(chunk)):
                searched = iter(self._searched([loaded.image for loaded in some if loaded.image is not None]))
                for loaded in some:
                    if loaded.image is None:
                        shard.drop(loaded.row(dropped=f"{UNREADABLE}: {loaded.reason}"))
                        report(Advanced(0 if chunk.frames else 1, 0, readable=False))
                        continue
                    try:
                        found = self._measured(loaded.image, next(searched))
                    # A plugin may raise anything on an image, and the others are not to suffer for it.
                    except Exception as error:
                        failure = error.message if isinstance(error, MienError) else _in_words(error)
                        shard.drop(loaded.row(dropped=f"{FAILED}: {failure}"))
                        fix = error.fix if isinstance(error, MienError) else ""
                        report(Advanced(1, 0, failure=failure, fix=fix))
                    else:
                        _write(loaded, found, shard)
                        report(Advanced(1, sum(not face.dropped for face in found)))

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
                except Exception as error:  # one file never ends a folder, whatever it raises
                    yield _LoadedImage(source, None, reason=_in_words(error))
                else:
                    yield _LoadedImage(source, image)

    def _frames(self, source: SourceFile, frames: tuple[int, int] | None) -> Iterator[_LoadedImage]:
        from mien.media.animation import open_video  # loads PyAV, which images do without

        start, stop = frames or (0, 0)
        reached = start
        try:
            if self._video is None or self._video.path != source.path:
                self._video = open_video(source.path)
            for frame in self._video.frames(start, stop):
                image = in_square_pixels(frame.image, float(self._video.pixel_shape))
                yield _LoadedImage(source, image, frame.index, frame.pts)
                reached = frame.index + 1
            if reached < stop:
                yield _LoadedImage(source, None, reached, reason=f"the video ends before frame {reached}")
            elif stop == len(self._video.frame_times()) and (why := self._video.damage or self._video.cut_off):
                yield _LoadedImage(source, None, reached, reason=f"from frame {reached}: {why}")
        except Exception as error:  # one file never ends a folder, whatever it raises
            reason = error.message if isinstance(error, MienError) else _in_words(error)
            yield _LoadedImage(source, None, reached if frames else None, reason=reason)

    def _searched(self, images: Sequence[RgbImage]) -> list[list[Face] | Exception]:
        """The faces of each image, or why it cannot be searched: then each has been searched by itself."""
        if not images:
            return []
        try:
            return [*self._extractors.extract_all(images)]
        except Exception as error:
            if len(images) == 1:
                return [error]
            return [answer for image in images for answer in self._searched([image])]

    def _measured(self, image: RgbImage, searched: list[Face] | Exception) -> list[_FoundFace]:
        if isinstance(searched, Exception):
            raise searched
        found = self._cut_out(searched, image)
        if self._recognizer and self._person is not None:
            found = _measured_by(self._recognizer.features, found)
            found = [_checked_person(face, self._recognizer, self._person) for face in found]
        if self._recipe.largest:
            found = _only_the_largest(found)
        return _measured_by(self._features, found)

    def _cut_out(self, faces: Sequence[Face], image: RgbImage) -> list[_FoundFace]:
        """Each face with its crop, masked; those that the template cannot place without."""
        config = self._recipe.alignment
        placed: dict[int, Affine] = {}
        for number, face in enumerate(faces):
            with suppress(MienError):
                placed[number] = similarity_to_crop(face, config)
        crops = [
            cut(image, faces[number].landmarks, to_crop, config, points_of(faces[number]))
            for number, to_crop in placed.items()
        ]
        masked = dict(zip(placed, self._maskers.masked(crops), strict=True))
        why = f"{NO_LANDMARKS}: the template {config.template} needs them"
        return [
            _FoundFace(number, face, masked.get(number), "" if number in masked else why)
            for number, face in enumerate(faces)
        ]


def _at_once(images: Iterable[_LoadedImage]) -> Iterator[list[_LoadedImage]]:
    """The images, so many at once as fit into `_BYTES_AT_ONCE`, or one."""
    some: list[_LoadedImage] = []
    held = 0
    for loaded in images:
        more = 0 if loaded.image is None else loaded.image.nbytes
        if some and held + more > _BYTES_AT_ONCE:
            yield some
            some, held = [], 0
        some.append(loaded)
        held += more
    if some:
        yield some


def _checked_person(face: _FoundFace, recognizer: Recognizer, person: NDArray[np.float32]) -> _FoundFace:
    if face.dropped:
        return face
    encoding = face.values[recognizer.key].reshape(1, -1)
    (distance,) = recognizer.distances(encoding, person)
    if distance < recognizer.same_person_below:
        return face
    return replace(face, dropped=f"{ANOTHER_PERSON}: distance {distance:.2f}")


def _measured_by(features: FeatureSet, found: list[_FoundFace]) -> list[_FoundFace]:
    """The faces with the features' values too, of those that are kept.

    A face without landmarks is dropped, if a feature cannot do without. Raises MienError if a feature fails otherwise.
    """
    kept = [(face, face.crop) for face in found if not face.dropped and face.crop is not None]
    if not kept:
        return found
    keys = [key for key, _ in features.features]
    known = {
        key: np.stack([face.values[key] for face, _ in kept])
        for key in keys
        if all(key in face.values for face, _ in kept)
    }
    try:
        values = features.compute([crop for _, crop in kept], known)
    except MienError as error:
        bare = [face.number for face, crop in kept if crop.landmarks is None]
        if not bare:
            raise
        why = f"{NO_LANDMARKS}: {error.message}"
        return _measured_by(features, [replace(face, dropped=why) if face.number in bare else face for face in found])
    row_of = {face.number: row for row, (face, _) in enumerate(kept)}
    return [
        replace(face, values={**face.values, **{key: values[key][row_of[face.number]] for key in keys}})
        if face.number in row_of
        else face
        for face in found
    ]


def _write(loaded: _LoadedImage, found: Sequence[_FoundFace], shard: ShardWriter) -> None:
    if not found:
        shard.drop(loaded.row(dropped=NO_FACE))
    for face in found:
        if face.dropped or face.crop is None:
            shard.drop(loaded.row(**_columns(face), dropped=face.dropped))
        else:
            shard.keep(face.crop, face.values, loaded.row(**_columns(face)))


def _only_the_largest(found: list[_FoundFace]) -> list[_FoundFace]:
    candidates = [face for face in found if not face.dropped]
    if not candidates:
        return found
    largest = max(candidates, key=lambda face: face.face.box.area)
    return [face if face is largest or face.dropped else replace(face, dropped=NOT_LARGEST) for face in found]


def _columns(found: _FoundFace) -> Row:
    box, crop = found.face.box, found.crop
    return {
        "face": found.number,
        "box": [float(side) for side in (box.left, box.top, box.right, box.bottom)],
        "box_angle": float(box.angle_degrees),
        "to_crop": None if crop is None else [float(value) for value in crop.to_crop.ravel()],
        "score": float(found.face.score),
        "sharpness": None if crop is None else sharpness(crop.image, as_uint8_mask(crop.mask)),
    }


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def sharpness(image: RgbImage, mask: NDArray[np.uint8]) -> float:
    """How sharp a crop is: variance of the Laplacian of its gray levels (0 to 255), well inside of the mask.

    image: uint8 (S, S, 3), RGB. mask: uint8 (S, S). Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy"; the mask's own edge is left out, since there the image ends, however blurred it is.
    """
    inside = cv2.inRange(cv2.erode(mask, _SQUARE, borderType=cv2.BORDER_CONSTANT, borderValue=0), 255, 255)
    laplacian = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    _, deviation = cv2.meanStdDev(laplacian, mask=inside)  # 0 where nothing is inside
    return float(deviation[0, 0] ** 2)
