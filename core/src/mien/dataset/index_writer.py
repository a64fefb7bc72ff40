"""Writing index.parquet, and counting what it says."""

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mien.dataset.chunk import FAILED, NO_FACE, UNREADABLE
from mien.dataset.index import INDEX_SCHEMA, count_reasons
from mien.dataset.info import Counts
from mien.dataset.origins import Origins, Segment

_ROWS_PER_GROUP = 16384


def write_index(
    faces: Path,
    segments: Sequence[Segment],
    origins: Origins,
    people: Sequence[str | None],
    tracks: NDArray[np.int64],
    no_mask: int,
) -> tuple[Counts, dict[str, int]]:
    """Write the segments' rows: first all that are kept, in order, then all that were dropped.

    people, tracks: of all that are kept; None, or −1, is null in the file. no_mask: as of `Counts`.
    Returns what became of the images, and why something was dropped → how often.
    """
    kept_rows, read, reasons = 0, 0, dict[str, int]()
    with (faces / "index.parquet").open("xb") as file, _RowGroups(file) as index:
        for segment in segments:
            kept = origins.origin_of(segment).kept.slice(segment.kept.start, len(segment.kept))
            rows = slice(kept_rows, kept_rows + len(kept))
            kept_rows += len(kept)
            index.append(_with_columns(kept, people[rows], tracks[rows]))
        for segment in segments:
            origin = origins.origin_of(segment)
            kept = origin.kept.slice(segment.kept.start, len(segment.kept))
            dropped = origin.dropped.slice(segment.dropped.start, len(segment.dropped))
            read += _images_read(kept, dropped)
            index.append(dropped)
            for reason, count in count_reasons(dropped).items():
                reasons[reason] = reasons.get(reason, 0) + count
    apart = {name: reasons.get(name, 0) for name in (NO_FACE, UNREADABLE, FAILED)}
    counts = Counts(
        read=read,
        faces=kept_rows,
        no_face=apart[NO_FACE],
        unreadable=apart[UNREADABLE],
        failed=apart[FAILED],
        dropped=sum(reasons.values()) - sum(apart.values()),
        no_mask=no_mask,
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


def _with_columns(kept: pa.Table, people: Sequence[str | None], tracks: NDArray[np.int64]) -> pa.Table:
    columns = {"person": pa.array(people, pa.string()), "track": pa.array(tracks, pa.int64(), mask=tracks < 0)}
    for name, values in columns.items():
        kept = kept.set_column(kept.column_names.index(name), INDEX_SCHEMA.field(name), values)
    return kept


def _images_read(kept: pa.Table, dropped: pa.Table) -> int:
    reasons = dropped.column("dropped").to_pylist()
    readable = [not str(reason).startswith(UNREADABLE) for reason in reasons]
    return len({*_images_of(kept), *compress(_images_of(dropped), readable)})


def _images_of(rows: pa.Table) -> Iterator[tuple[str, int | None]]:
    return zip(*(rows.column(name).to_pylist() for name in ("source", "frame")), strict=True)
