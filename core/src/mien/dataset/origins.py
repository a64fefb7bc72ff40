"""Where the rows of a new dataset come from: shards, and what a finished dataset holds already."""

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from mien.dataset.chunk import Chunk, SourceFile
from mien.dataset.format import Dataset
from mien.dataset.index import INDEX_SCHEMA, KnownSource, known_sources
from mien.dataset.info import FACES, array_file, image_file
from mien.dataset.npy import read_rows
from mien.dataset.shard import Row, shard_images
from mien.media.files import write_new

_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class Origin(Protocol):
    """Where rows come from."""

    @property
    def kept(self) -> pa.Table:
        """Rows of the index of the faces, in the order of the arrays."""

    @property
    def dropped(self) -> pa.Table:
        """Rows of the index of what is not among the faces."""

    def rows(self, name: str, rows: range) -> NDArray[Any]:
        """Some rows of an array, read into memory."""

    def write_images(self, rows: range, sizes: Sequence[int], faces: Path, first: int) -> None:
        """Write the small copies of some rows as images of another faces folder, as its rows from `first` on.

        sizes: their sides, smallest first. Raises OSError if they cannot be written.
        """


class FinishedFaces:
    """A finished dataset to take rows over from."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._faces = dataset.path / FACES

    @cached_property
    def kept(self) -> pa.Table:
        """Rows of the index of the faces, in the order of the arrays."""
        return self._dataset.index()

    @cached_property
    def dropped(self) -> pa.Table:
        """Rows of the index of what is not among the faces."""
        return self._dataset.dropped()

    def rows(self, name: str, rows: range) -> NDArray[Any]:
        """Some rows of an array, read into memory."""
        return read_rows(array_file(self._faces, name), rows)

    def write_images(self, rows: range, sizes: Sequence[int], faces: Path, first: int) -> None:
        """Give the images of some rows a second name. See `Origin.write_images`."""
        for target, row in enumerate(rows, first):
            for size in sizes:
                _link(image_file(self._faces, size, row), image_file(faces, size, target))


class Shard:
    """A chunk's result, read only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def kept(self) -> pa.Table:
        """Rows of the index of the faces, in the order of the arrays."""
        return pa.Table.from_pylist(self._index["kept"], schema=INDEX_SCHEMA)

    @cached_property
    def dropped(self) -> pa.Table:
        """Rows of the index of what is not among the faces."""
        return pa.Table.from_pylist(self._index["dropped"], schema=INDEX_SCHEMA)

    @cached_property
    def _index(self) -> dict[str, list[Row]]:
        index: dict[str, list[Row]] = json.loads((self.folder / "rows.json").read_text(encoding="utf-8"))
        return index

    def rows(self, name: str, rows: range) -> NDArray[Any]:
        """Some rows of an array, read into memory."""
        return read_rows(self.folder / f"{name}.npy", rows)

    def write_images(self, rows: range, sizes: Sequence[int], faces: Path, first: int) -> None:
        """Write the images of some rows. See `Origin.write_images`."""
        for target, images in enumerate(shard_images(self.folder, rows), first):
            for size, image in zip(sizes, images, strict=True):
                write_new(image_file(faces, size, target), image)


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


class Origins:
    """Opens what segments come from; the last shard stays open, since the next segment is often of it too."""

    def __init__(self, old: Dataset | None) -> None:
        self._old = FinishedFaces(old) if old else None
        self._shard: Shard | None = None

    def origin_of(self, segment: Segment) -> Origin:
        """Open it."""
        if segment.shard is None:
            if self._old is None:
                raise RuntimeError("a segment of an old dataset, and no old dataset")
            return self._old
        if self._shard is None or self._shard.folder != segment.shard:
            self._shard = Shard(segment.shard)
        return self._shard


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where the file system has no links, copy it."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


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
