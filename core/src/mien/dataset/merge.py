"""Putting shards, and what a finished dataset holds already, together to a new dataset, in constant memory."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import mien
from mien.dataset.format import (
    FACES,
    FAILED,
    FORMAT_VERSION,
    INDEX_SCHEMA,
    LANDMARKS,
    MASKS,
    NEXT_FACES,
    NO_FACE,
    OLD_FACES,
    UNREADABLE,
    Counts,
    Dataset,
    DatasetInfo,
    array_file,
    count_reasons,
    picture_file,
)
from mien.dataset.npy import NpyWriter, write_npy
from mien.dataset.plan import Chunk, KnownSource, SourceFile, known_sources
from mien.dataset.recipe import Recipe
from mien.dataset.shard import Shard, read_rows
from mien.dataset.statistics import Moments
from mien.files import whole_file, writing_to

_ROWS_AT_ONCE = 256
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Origin(Protocol):
    """Where rows come from."""

    kept: pa.Table
    dropped: pa.Table

    def rows(self, name: str, rows: range) -> NDArray[Any]:
        """Some rows of an array, read into memory."""

    def picture(self, size: int, row: int) -> Path:
        """Where the picture of a row lies."""


class FinishedFaces:
    """A finished dataset to take rows over from."""

    def __init__(self, dataset: Dataset) -> None:
        self._faces = dataset.path / FACES
        self.kept = dataset.index()
        self.dropped = dataset.dropped()

    def rows(self, name: str, rows: range) -> NDArray[Any]:
        """Some rows of an array, read into memory."""
        return read_rows(array_file(self._faces, name), rows)

    def picture(self, size: int, row: int) -> Path:
        """Where the picture of a row lies."""
        return picture_file(self._faces, size, row)


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows that stand together both where they come from and where they go."""

    shard: Path | None
    """None: from the finished dataset."""
    kept: range
    dropped: range


def segments_of(
    files: Sequence[SourceFile], taken: Mapping[str, KnownSource], chunks: Sequence[Chunk], work: Path
) -> list[Segment]:
    """What the new dataset is put together of: for each source, in order, its rows in the old one or in shards."""
    of_source: dict[str, list[Segment]] = {}
    for chunk in chunks:
        folder = work / chunk.key
        shard = Shard(folder)
        for name, known in known_sources(shard.kept, shard.dropped).items():
            of_source.setdefault(name, []).append(Segment(folder, known.kept, known.dropped))
    segments: list[Segment] = []
    for file in files:
        if file.name in taken:
            of_source[file.name] = [Segment(None, taken[file.name].kept, taken[file.name].dropped)]
        for segment in of_source.get(file.name, []):
            joined = _joined(segments[-1], segment) if segments else None
            segments[-1:] = [joined] if joined else [*segments[-1:], segment]
    return segments


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
    new = path / NEXT_FACES
    with writing_to(path / FACES):
        shutil.rmtree(new, ignore_errors=True)
        (new / "arrays").mkdir(parents=True)
        origins = _Origins(old)
        digest, moments = _write_arrays(new, recipe, segments, origins)
        for key, moment in moments.items():
            write_statistics(new, key, moment)
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
        _swap(path)
    return info


def write_info(faces: Path, info: DatasetInfo) -> None:
    """Write dataset.json, whole or not at all."""
    with whole_file(faces / "dataset.json") as partial:
        partial.write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_statistics(faces: Path, key: str, moments: Moments) -> None:
    """Write KEY.mean.npy and KEY.cov.npy."""
    for name, values in ((f"{key}.mean", moments.mean), (f"{key}.cov", moments.covariance)):
        with whole_file(array_file(faces, name)) as partial:
            write_npy(partial, values)


class _Origins:
    """Opens what segments come from; the last shard stays open, since the next segment is often of it too."""

    def __init__(self, old: Dataset | None) -> None:
        self._old = FinishedFaces(old) if old else None
        self._shard: Shard | None = None

    def of(self, segment: Segment) -> Origin:
        if segment.shard is None:
            if self._old is None:
                raise RuntimeError("a segment of an old dataset, and no old dataset")
            return self._old
        if self._shard is None or self._shard.folder != segment.shard:
            self._shard = Shard(segment.shard)
        return self._shard


def _write_arrays(
    new: Path, recipe: Recipe, segments: Sequence[Segment], origins: _Origins
) -> tuple[str, dict[str, Moments]]:
    digest = hashlib.sha256()
    moments = {feature.key: Moments(int(np.prod(feature.shape))) for feature in recipe.features}
    identifying = (f"images{recipe.sizes[-1]}", MASKS, LANDMARKS)
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
                    if name in moments:
                        moments[name].add(rows)
                    if name in identifying:
                        digest.update(rows.data)
    return digest.hexdigest(), moments


def _write_pictures(new: Path, recipe: Recipe, segments: Sequence[Segment], origins: _Origins) -> None:
    for size in recipe.sizes:
        picture_file(new, size, 0).parent.mkdir(parents=True)
    target = 0
    for segment in segments:
        origin = origins.of(segment)
        for row in segment.kept:
            for size in recipe.sizes:
                _link(origin.picture(size, row), picture_file(new, size, target))
            target += 1


def _write_index(new: Path, segments: Sequence[Segment], origins: _Origins) -> tuple[Counts, dict[str, int]]:
    faces, read, reasons = 0, 0, dict[str, int]()
    with (new / "index.parquet").open("xb") as file, pq.ParquetWriter(file, INDEX_SCHEMA) as writer:
        for segment in segments:
            kept = origins.of(segment).kept.slice(segment.kept.start, len(segment.kept))
            faces += len(kept)
            if len(kept):
                writer.write_table(kept)
        for segment in segments:
            origin = origins.of(segment)
            kept = origin.kept.slice(segment.kept.start, len(segment.kept))
            dropped = origin.dropped.slice(segment.dropped.start, len(segment.dropped))
            read += _pictures_read(kept, dropped)
            if len(dropped):
                writer.write_table(dropped)
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


def _pictures_read(kept: pa.Table, dropped: pa.Table) -> int:
    columns = ["source", "frame"]
    readable = [not str(reason).startswith(UNREADABLE) for reason in dropped.column("dropped").to_pylist()]
    rows = pa.concat_tables([kept.select(columns), dropped.filter(pa.array(readable, pa.bool_())).select(columns)])
    return len(rows.group_by(columns).aggregate([]))


def _swap(path: Path) -> None:
    """Put the new faces in the old ones' place; `finish_swap` mends what is stopped in between."""
    faces, old = path / FACES, path / OLD_FACES
    shutil.rmtree(old, ignore_errors=True)
    if faces.exists():
        faces.rename(old)
    (path / NEXT_FACES).rename(faces)
    shutil.rmtree(old, ignore_errors=True)


def _joined(first: Segment, second: Segment) -> Segment | None:
    def follows(left: range, right: range) -> bool:
        return not right or not left or left.stop == right.start

    if first.shard != second.shard:
        return None
    if not (follows(first.kept, second.kept) and follows(first.dropped, second.dropped)):
        return None
    return Segment(first.shard, _span(first.kept, second.kept), _span(first.dropped, second.dropped))


def _span(first: range, second: range) -> range:
    return range(first.start, second.stop) if first and second else first or second


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
