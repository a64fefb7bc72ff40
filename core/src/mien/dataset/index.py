"""What index.parquet says: a row for every face, and for whatever is not among the faces and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

INDEX_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),  # relative to raw/, or absolute if it lies elsewhere
        pa.field("frame", pa.int64()),  # from 0; null for images
        pa.field("pts", pa.int64()),  # presentation time in the video's time base
        pa.field("face", pa.int32()),  # from 0, surest first; null where there is no face
        pa.field("person", pa.string()),  # who it is; null: the dataset's own person, or nobody's face
        pa.field("track", pa.int64()),  # the same number for one face over a video's frames; null for images
        # Lists of any length in the file, though all are of one: of lists of a fixed length, readers older than
        # pyarrow 26 refuse a file in which one is null (apache/arrow issue 35692).
        pa.field("box", pa.list_(pa.float64())),  # left, top, right, bottom in image pixels
        pa.field("box_angle", pa.float64()),  # degrees by which it is turned about its centre, clockwise
        pa.field("to_crop", pa.list_(pa.float64())),  # rows of the (2, 3) transform, image to crop pixels
        pa.field("score", pa.float64()),  # in [0, 1]; ½: as likely a face as not
        pa.field("sharpness", pa.float64()),  # variance of the Laplacian of the gray levels (0 to 255) in the mask
        pa.field("dropped", pa.string()),  # null for the N faces; else "why" or "why: details"
        pa.field("source_size", pa.int64(), nullable=False),  # bytes
        pa.field("source_mtime_ns", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a dataset holds of a source: rows of the arrays, and rows of the dropped part of the index."""

    size: int
    mtime_ns: int
    kept: range
    dropped: range


def known_sources(kept: pa.Table, dropped: pa.Table) -> dict[str, KnownSource]:
    """What a dataset knows of each source. The tables' rows of one source stand together."""
    known: dict[str, KnownSource] = {}
    for table, is_kept in ((kept, True), (dropped, False)):
        sizes, times = (table.column(name).to_numpy() for name in ("source_size", "source_mtime_ns"))
        for name, rows in _runs(table):
            before = known.get(name)
            known[name] = KnownSource(
                int(sizes[rows.start]),
                int(times[rows.start]),
                rows if is_kept else (before.kept if before else range(0)),
                range(0) if is_kept else rows,
            )
    return known


def category(reason: str) -> str:
    """ "unreadable: truncated file" → "unreadable"."""
    return reason.partition(":")[0]


def count_reasons(dropped: pa.Table) -> dict[str, int]:
    """How often each category of reasons stands in a table of dropped rows."""
    counted = pc.value_counts(dropped.column("dropped")).to_pylist()
    totals: dict[str, int] = {}
    for entry in counted:
        name = category(entry["values"])
        totals[name] = totals.get(name, 0) + entry["counts"]
    return totals


def _runs(table: pa.Table) -> Iterator[tuple[str, range]]:
    """Source and rows of each stretch of rows of the same source."""
    if not len(table):
        return
    encoded = table.column("source").combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for start, stop in pairwise(edges):
        yield encoded.dictionary[int(codes[start])].as_py(), range(start, stop)
