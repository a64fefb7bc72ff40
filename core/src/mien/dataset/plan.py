"""What has to be done: which sources there are, which of them a dataset knows already, and the chunks of the rest."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from mien.dataset.recipe import Recipe
from mien.errors import MienError
from mien.sources import SourceKind, find_sources

PICTURES_PER_CHUNK = 32
FRAMES_PER_CHUNK = 64


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A picture or video, and what tells whether it has changed."""

    path: Path
    name: str
    """As the index says it: relative to raw/, or absolute."""
    kind: SourceKind
    size: int
    """Bytes."""
    mtime_ns: int
    reason: str = ""
    """Why it is unreadable, if that is its kind."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of work for one process: some pictures, or some frames of one video."""

    key: str
    """Of all that decides the result; the shard is named so."""
    sources: tuple[SourceFile, ...]
    frames: tuple[int, int] | None = None
    """First frame and the one after the last; None for pictures, and for a video that does not open."""

    @property
    def pictures(self) -> int:
        """How many pictures or frames there are to do."""
        return self.frames[1] - self.frames[0] if self.frames else len(self.sources)

    def __str__(self) -> str:
        if self.frames:
            return f"{self.sources[0].name}, frames {self.frames[0]} to {self.frames[1] - 1}"
        if len(self.sources) == 1:
            return self.sources[0].name
        return f"{len(self.sources)} pictures from {self.sources[0].name} to {self.sources[-1].name}"


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a dataset holds of a source: rows of the arrays, and rows of the dropped part of the index."""

    size: int
    mtime_ns: int
    kept: range
    dropped: range


def list_sources(dataset: Path, sources: Sequence[Path] | None) -> list[SourceFile]:
    """The sources of DATASET/raw, or of the files and folders given, sorted by name.

    Raises MienError if there are none, or one does not exist.
    """
    raw = (dataset / "raw").absolute()
    folders = [raw] if sources is None else [Path(source).absolute() for source in sources]
    if sources is None and not raw.is_dir():
        raise MienError(
            f"There is nothing to preprocess: {dataset / 'raw'} does not exist.",
            f"Put pictures or videos into {dataset / 'raw'}, or say where they are: "
            f"mien preprocess {dataset} --from PATH",
        )
    found: dict[str, SourceFile] = {}
    for source in find_sources(folders):
        path = Path(source.path).absolute()
        name = path.relative_to(raw).as_posix() if sources is None else path.as_posix()
        try:
            status = path.stat()
        except OSError:  # a dangling link, or gone since the folder was listed: reading it will say why
            found[name] = SourceFile(path, name, source.kind, 0, 0, source.reason)
        else:
            found[name] = SourceFile(path, name, source.kind, status.st_size, status.st_mtime_ns, source.reason)
    if not found:
        where = ", ".join(str(folder) for folder in folders)
        raise MienError(f"There are no pictures or videos in {where}.", "Put some there.")
    return [found[name] for name in sorted(found)]


def known_sources(kept: pa.Table, dropped: pa.Table) -> dict[str, KnownSource]:
    """What a dataset knows of each source. The tables' rows of one source stand together."""
    known: dict[str, KnownSource] = {}
    for table, is_kept in ((kept, True), (dropped, False)):
        for name, rows in _runs(table):
            status = table.slice(rows.start, 1).select(["source_size", "source_mtime_ns"]).to_pylist()[0]
            before = known.get(name)
            known[name] = KnownSource(
                status["source_size"],
                status["source_mtime_ns"],
                rows if is_kept else (before.kept if before else range(0)),
                range(0) if is_kept else rows,
            )
    return known


def unchanged(files: Sequence[SourceFile], known: Mapping[str, KnownSource]) -> set[str]:
    """Names of the sources whose rows can be taken over."""
    return {
        file.name
        for file in files
        if file.name in known and (known[file.name].size, known[file.name].mtime_ns) == (file.size, file.mtime_ns)
    }


def chunks_of(files: Sequence[SourceFile], recipe: Recipe) -> list[Chunk]:
    """Cut the work on these sources into chunks, in the order of the sources."""
    chunks: list[Chunk] = []
    pictures: list[SourceFile] = []
    for file in files:
        if file.kind != "video":
            pictures.append(file)
        if pictures and (file.kind == "video" or len(pictures) == PICTURES_PER_CHUNK):
            chunks.append(_chunk(pictures, None, recipe))
            pictures = []
        if file.kind == "video":
            chunks += [_chunk([file], frames, recipe) for frames in _frame_ranges(file)]
    if pictures:
        chunks.append(_chunk(pictures, None, recipe))
    return chunks


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunk(files: Sequence[SourceFile], frames: tuple[int, int] | None, recipe: Recipe) -> Chunk:
    identity = [(file.name, str(file.path), file.size, file.mtime_ns) for file in files]
    return Chunk(recipe.key(identity, frames), tuple(files), frames)


def _frame_ranges(file: SourceFile) -> list[tuple[int, int] | None]:
    from mien.video import VideoSource  # loads PyAV, which pictures do without

    try:
        with VideoSource(file.path) as video:
            count = len(video.frame_times())
    except MienError:
        return [None]  # the worker meets the same error and notes it in the index
    starts = range(0, count, FRAMES_PER_CHUNK)
    return [(start, min(start + FRAMES_PER_CHUNK, count)) for start in starts] or [None]


def _runs(table: pa.Table) -> Iterator[tuple[str, range]]:
    """Source and rows of each stretch of rows of the same source."""
    if not len(table):
        return
    encoded = table.column("source").combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for start, stop in pairwise(edges):
        yield encoded.dictionary[int(codes[start])].as_py(), range(start, stop)
