"""Putting shards, and what a finished dataset holds already, together to a new dataset, in constant memory."""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

import mien
from mien.dataset.chunk import FAILED, NO_FACE, UNREADABLE
from mien.dataset.format import Dataset
from mien.dataset.index import INDEX_SCHEMA, count_reasons
from mien.dataset.info import (
    FACES,
    FORMAT_VERSION,
    LANDMARKS,
    MASKS,
    NEXT_FACES,
    OLD_FACES,
    Counts,
    DatasetInfo,
    FeatureInfo,
    array_file,
    finish_swap,
    picture_file,
)
from mien.dataset.npy import NpyWriter, write_npy
from mien.dataset.origins import Origins, Segment
from mien.dataset.recipe import Recipe
from mien.dataset.statistics import moments_of
from mien.files import whole_file, writing_to

_ROWS_AT_ONCE = 256
_ROWS_PER_GROUP = 16384
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def merge(
    path: Path,
    recipe: Recipe,
    segments: Sequence[Segment],
    old: Dataset | None,
    sources: tuple[str, ...] | None,
) -> DatasetInfo:
    """Make DATASET/faces of the segments and put it in the place of what stands there.

    Stopped at any point, it leaves the old dataset or the new one. Raises MienError if the disk is full or may not be
    written; the old dataset and the shards are then as they were.
    """
    with writing_to(path / FACES):
        with _gone_if_not_whole(path / NEXT_FACES) as new:
            info = _write_faces(new, recipe, Origins(old), segments, sources)
        _swap(path)
    return info


def _write_faces(
    new: Path, recipe: Recipe, origins: Origins, segments: Sequence[Segment], sources: tuple[str, ...] | None
) -> DatasetInfo:
    (new / "arrays").mkdir()
    digest = _write_arrays(new, recipe, segments, origins)
    for feature in recipe.features:
        write_statistics(new, feature, sum(len(segment.kept) for segment in segments))
    if recipe.pictures:
        _write_pictures(new, recipe, segments, origins)
    counts, reasons = _write_index(new, segments, origins)
    info = DatasetInfo(
        format_version=FORMAT_VERSION,
        mien_version=mien.__version__,
        extractor=recipe.extractor,
        extractor_distribution=recipe.extractor_distribution,
        extractor_version=recipe.extractor_version,
        alignment=recipe.alignment,
        features=recipe.features,
        sizes=recipe.sizes,
        count=counts.faces,
        digest=digest,
        counts=counts,
        reasons=reasons,
        pictures=recipe.pictures,
        largest=recipe.largest,
        keep_person=recipe.keep_person,
        sources=sources,
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


def _write_arrays(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: Origins) -> str:
    # One for each array, so that it does not matter in which blocks the rows are read.
    digests = {name: hashlib.sha256() for name in (f"images{recipe.sizes[-1]}", MASKS, LANDMARKS)}
    with ExitStack() as files:
        writers = {
            name: files.enter_context(NpyWriter(array_file(new, name), shape, dtype))
            for name, (dtype, shape) in recipe.arrays.items()
        }
        for segment in segments:
            origin = origins.of(segment)
            for block in _blocks(segment.kept):
                for name, writer in writers.items():
                    rows = origin.rows(name, block)
                    writer.append(rows)
                    if name in digests:
                        digests[name].update(rows.data)
    return hashlib.sha256(b"".join(digest.digest() for digest in digests.values())).hexdigest()


def _write_pictures(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: Origins) -> None:
    for size in recipe.sizes:
        picture_file(new, size, 0).parent.mkdir(parents=True)
    target = 0
    for segment in segments:
        origin = origins.of(segment)
        for row in segment.kept:
            for size in recipe.sizes:
                _link(origin.picture(size, row), picture_file(new, size, target))
            target += 1


def _write_index(new: Path, segments: Sequence[Segment], origins: Origins) -> tuple[Counts, dict[str, int]]:
    faces, read, reasons = 0, 0, dict[str, int]()
    with (new / "index.parquet").open("xb") as file, _RowGroups(file) as index:
        for segment in segments:
            kept = origins.of(segment).kept.slice(segment.kept.start, len(segment.kept))
            faces += len(kept)
            index.append(kept)
        for segment in segments:
            origin = origins.of(segment)
            kept = origin.kept.slice(segment.kept.start, len(segment.kept))
            dropped = origin.dropped.slice(segment.dropped.start, len(segment.dropped))
            read += _pictures_read(kept, dropped)
            index.append(dropped)
            for reason, count in count_reasons(dropped).items():
                reasons[reason] = reasons.get(reason, 0) + count
    apart = {name: reasons.get(name, 0) for name in (NO_FACE, UNREADABLE, FAILED)}
    counts = Counts(
        read=read,
        faces=faces,
        no_face=apart[NO_FACE],
        unreadable=apart[UNREADABLE],
        failed=apart[FAILED],
        dropped=sum(reasons.values()) - sum(apart.values()),
    )
    return counts, reasons


class _RowGroups:
    """Writes tables to a Parquet file in row groups of a good size, however small the tables are."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, INDEX_SCHEMA)
        self._tables: list[pa.Table] = []
        self._rows = 0

    def append(self, table: pa.Table) -> None:
        """Add rows; they are in the file when the block ends."""
        self._tables.append(table)
        self._rows += len(table)
        if self._rows >= _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._tables).combine_chunks())
        self._tables, self._rows = [], 0

    def __enter__(self) -> "_RowGroups":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._flush()
            self._writer.close()


def _pictures_read(kept: pa.Table, dropped: pa.Table) -> int:
    columns = ["source", "frame"]
    readable = [not str(reason).startswith(UNREADABLE) for reason in dropped.column("dropped").to_pylist()]
    rows = pa.concat_tables([kept.select(columns), dropped.filter(pa.array(readable, pa.bool_())).select(columns)])
    return len(rows.group_by(columns).aggregate([]))


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
