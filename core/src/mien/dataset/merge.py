"""Putting shards, and what a finished dataset holds already, together to a new dataset, in constant memory."""

import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import mien
from mien.dataset.format import Dataset
from mien.dataset.index import INDEX_SCHEMA
from mien.dataset.index_writer import write_index
from mien.dataset.info import (
    CROPS,
    FACES,
    FORMAT_VERSION,
    LANDMARKS,
    MASKS,
    NEXT_FACES,
    OLD_FACES,
    DatasetInfo,
    FeatureInfo,
    array_file,
    finish_swap,
    image_file,
)
from mien.dataset.npy import NpyWriter, write_npy
from mien.dataset.origins import Origins, Segment
from mien.dataset.people import follow_boxes, people_by_encodings, people_of_folders
from mien.dataset.recipe import Recipe
from mien.dataset.statistics import moments_of
from mien.media.files import whole_file, writing_to
from mien.media.part import clock_of
from mien.tracking.recognizer import Recognizer
from mien.workers.threads import prefetched

_BYTES_AT_ONCE, _BLOCKS_AHEAD = 1 << 24, 2
_LEAST_MASK = 0.01
"""A face of which less than this share of the crop is face has next to no mask."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of a segment that are taken over at once."""

    segment: Segment
    rows: range
    """Where they come from."""
    target: int
    """The first of them in the new dataset."""


def merge(
    path: Path,
    recipe: Recipe,
    segments: Sequence[Segment],
    old: Dataset | None,
    sources: tuple[str, ...] | None,
    recognizer: Recognizer | None,
) -> DatasetInfo:
    """Make DATASET/faces of the segments and put it in the place of what stands there.

    recognizer: what tells people apart, if that is how the recipe tells them; its feature is one of the recipe's.

    Stopped at any point, it leaves the old dataset or the new one. Raises MienError if the disk is full or may not be
    written; the old dataset and the shards are then as they were.
    """
    with writing_to(path / FACES):
        with _gone_if_not_whole(path / NEXT_FACES) as new:
            info = _write_faces(new, recipe, Origins(old), segments, sources, recognizer)
        _swap(path)
    return info


def _write_faces(
    new: Path,
    recipe: Recipe,
    origins: Origins,
    segments: Sequence[Segment],
    sources: tuple[str, ...] | None,
    recognizer: Recognizer | None,
) -> DatasetInfo:
    (new / "arrays").mkdir()
    digest, no_mask = _write_rows(new, recipe, segments, origins)
    for feature in recipe.features:
        write_statistics(new, feature, sum(len(segment.kept) for segment in segments))
    kept = _kept_columns(segments, origins)
    tracks = follow_boxes(kept)
    people: Sequence[str | None] = [None] * len(kept)
    if recipe.people == "folders":
        people = people_of_folders(kept["source"].to_pylist(), sources)
    if recognizer is not None:
        encodings = np.load(array_file(new, recognizer.key))
        people = people_by_encodings(kept, tracks, encodings.reshape(len(kept), -1), recognizer)
    counts, reasons = write_index(new, segments, origins, people, tracks, no_mask)
    info = DatasetInfo(
        format_version=FORMAT_VERSION,
        mien_version=mien.__version__,
        extractor=recipe.extractor,
        extractor_distribution=recipe.extractor_distribution,
        extractor_version=recipe.extractor_version,
        alignment=recipe.alignment,
        masker=recipe.masker,
        masker_distributions=recipe.masker_distributions,
        people=recipe.people,
        features=recipe.features,
        sizes=recipe.sizes,
        count=counts.faces,
        digest=digest,
        counts=counts,
        reasons=reasons,
        images=recipe.images,
        largest=recipe.largest,
        recognizer=recipe.recognizer,
        keep_person=recipe.keep_person,
        sources=sources,
        start=None if recipe.part.start is None else clock_of(recipe.part.start),
        end=None if recipe.part.end is None else clock_of(recipe.part.end),
    )
    write_info(new, info)
    return info


@contextmanager
def _gone_if_not_whole(folder: Path) -> Iterator[Path]:
    """An empty folder to write to; what is in it is taken away if that fails, so that a full disk has room again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_info(faces: Path, info: DatasetInfo) -> None:
    """Write dataset.json, whole or not at all."""
    with whole_file(faces / "dataset.json") as partial:
        partial.write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_statistics(faces: Path, feature: FeatureInfo, count: int) -> None:
    """Write KEY.mean.npy and KEY.cov.npy of KEY.npy's rows."""
    moments = moments_of(array_file(faces, feature.key), count, math.prod(feature.shape))
    for name, values in ((f"{feature.key}.mean", moments.mean), (f"{feature.key}.cov", moments.covariance)):
        with whole_file(array_file(faces, name)) as partial:
            write_npy(partial, values)


def _kept_columns(segments: Sequence[Segment], origins: Origins) -> pa.Table:
    """What tells faces apart, of all that are kept."""
    columns = ["source", "frame", "box"]
    tables = [
        origins.origin_of(segment).kept.select(columns).slice(segment.kept.start, len(segment.kept))
        for segment in segments
    ]
    return pa.concat_tables([pa.schema([INDEX_SCHEMA.field(name) for name in columns]).empty_table(), *tables])


def _write_rows(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: Origins) -> tuple[str, int]:
    """Write the arrays and the images. Returns the digest of those arrays that are the faces themselves, and how many
    faces have next to no mask."""
    arrays = recipe.arrays
    # One for each array, so that it does not matter in which blocks the rows are read.
    digests = {name: hashlib.sha256() for name in (CROPS, MASKS, LANDMARKS)}
    no_mask = 0
    for size in recipe.sizes if recipe.images else ():
        image_file(new, size, 0).parent.mkdir(parents=True)

    def take_over(block: _Block) -> dict[str, NDArray[Any]]:
        origin = origins.origin_of(block.segment)
        if recipe.images:
            origin.write_images(block.rows, recipe.sizes, new, block.target)
        return {name: origin.rows(name, block.rows) for name in arrays}

    with ExitStack() as files:
        writers = {
            name: files.enter_context(NpyWriter(array_file(new, name), shape, dtype))
            for name, (dtype, shape) in arrays.items()
        }
        blocks = _blocks(segments, _rows_at_once(recipe))
        for values in files.enter_context(closing(prefetched(map(take_over, blocks), _BLOCKS_AHEAD))):
            for name, writer in writers.items():
                writer.append(values[name])
                if name in digests:
                    digests[name].update(values[name].data)
            no_mask += int((values[MASKS].mean((1, 2)) < _LEAST_MASK * 255).sum())
    return hashlib.sha256(b"".join(digest.digest() for digest in digests.values())).hexdigest(), no_mask


def _swap(path: Path) -> None:
    """Put the new faces in the old ones' place; `finish_swap` mends what is stopped in between."""
    faces, old = path / FACES, path / OLD_FACES
    shutil.rmtree(old, ignore_errors=True)
    faces.rename(old)
    finish_swap(path)
    shutil.rmtree(old, ignore_errors=True)


def _rows_at_once(recipe: Recipe) -> int:
    row_bytes = sum(np.dtype(dtype).itemsize * math.prod(shape) for dtype, shape in recipe.arrays.values())
    return max(1, _BYTES_AT_ONCE // row_bytes)


def _blocks(segments: Sequence[Segment], rows_at_once: int) -> Iterator[_Block]:
    target = 0
    for segment in segments:
        for start in range(segment.kept.start, segment.kept.stop, rows_at_once):
            rows = range(start, min(start + rows_at_once, segment.kept.stop))
            yield _Block(segment, rows, target)
            target += len(rows)
