"""Putting shards, and what a finished dataset holds already, together to a new dataset, in constant memory."""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

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

_ROWS_AT_ONCE = 256
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


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
    digest = _write_arrays(new, recipe, segments, origins)
    for feature in recipe.features:
        write_statistics(new, feature, sum(len(segment.kept) for segment in segments))
    if recipe.images:
        _write_images(new, recipe, segments, origins)
    kept = _kept_columns(segments, origins)
    tracks = follow_boxes(kept)
    people: Sequence[str | None] = [None] * len(kept)
    if recipe.people == "folders":
        people = people_of_folders(kept["source"].to_pylist(), sources)
    if recognizer is not None:
        encodings = np.load(array_file(new, recognizer.key))
        people = people_by_encodings(kept, tracks, encodings.reshape(len(kept), -1), recognizer)
    counts, reasons = write_index(new, segments, origins, people, tracks)
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


def _write_arrays(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: Origins) -> str:
    # One for each array, so that it does not matter in which blocks the rows are read.
    digests = {name: hashlib.sha256() for name in (CROPS, MASKS, LANDMARKS)}
    with ExitStack() as files:
        writers = {
            name: files.enter_context(NpyWriter(array_file(new, name), shape, dtype))
            for name, (dtype, shape) in recipe.arrays.items()
        }
        for segment in segments:
            origin = origins.origin_of(segment)
            for block in _blocks(segment.kept):
                for name, writer in writers.items():
                    rows = origin.rows(name, block)
                    writer.append(rows)
                    if name in digests:
                        digests[name].update(rows.data)
    return hashlib.sha256(b"".join(digest.digest() for digest in digests.values())).hexdigest()


def _write_images(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: Origins) -> None:
    for size in recipe.sizes:
        image_file(new, size, 0).parent.mkdir(parents=True)
    target = 0
    for segment in segments:
        origin = origins.origin_of(segment)
        for row in segment.kept:
            for size in recipe.sizes:
                _link(origin.image(size, row), image_file(new, size, target))
            target += 1


def _swap(path: Path) -> None:
    """Put the new faces in the old ones' place; `finish_swap` mends what is stopped in between."""
    faces, old = path / FACES, path / OLD_FACES
    shutil.rmtree(old, ignore_errors=True)
    faces.rename(old)
    finish_swap(path)
    shutil.rmtree(old, ignore_errors=True)


def _blocks(rows: range) -> Iterator[range]:
    return (
        range(start, min(start + _ROWS_AT_ONCE, rows.stop)) for start in range(rows.start, rows.stop, _ROWS_AT_ONCE)
    )


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where the file system has no links, copy it."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
