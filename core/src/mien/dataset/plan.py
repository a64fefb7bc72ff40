"""What has to be done: which sources there are, which of them a dataset knows already, and the chunks of the rest."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mien.dataset.chunk import Chunk, SourceFile
from mien.dataset.index import KnownSource
from mien.dataset.info import FACES
from mien.dataset.recipe import Recipe
from mien.dataset.source_names import printable
from mien.errors import MienError
from mien.media.discovery import find_sources
from mien.media.part import Part

IMAGES_PER_CHUNK = 16
FRAMES_PER_CHUNK = 64


def list_sources(dataset: Path, sources: Sequence[Path] | None) -> list[SourceFile]:
    """The sources of DATASET/raw, or of the files and folders given, sorted by name.

    Raises MienError if there are none, or one does not exist.
    """
    raw = (dataset / "raw").absolute()
    folders = [raw] if sources is None else [Path(source).absolute() for source in sources]
    if sources is None and not raw.is_dir():
        raise MienError(
            f"There is nothing to preprocess: {dataset / 'raw'} does not exist.",
            f"Put images or videos into {dataset / 'raw'}, or say where they are: "
            f"mien preprocess {dataset} --from PATH",
        )
    found: dict[str, SourceFile] = {}
    own = (dataset / FACES).absolute()
    for source in find_sources(folders):
        path = Path(source.path).absolute()
        if path.is_relative_to(own):
            continue  # crops of this dataset are no images to find faces in
        name = printable(path.relative_to(raw).as_posix() if sources is None else path.as_posix())
        try:
            status = path.stat()
        except OSError:  # a dangling link, or gone since the folder was listed: reading it will say why
            found[name] = SourceFile(path, name, source.kind, 0, 0, source.reason)
        else:
            found[name] = SourceFile(path, name, source.kind, status.st_size, status.st_mtime_ns, source.reason)
    if not found:
        where = ", ".join(str(folder) for folder in folders)
        raise MienError(f"There are no images or videos in {where}.", "Put some there.")
    return [found[name] for name in sorted(found)]


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
    images: list[SourceFile] = []
    for file in files:
        ranges: Sequence[tuple[int, int] | None] = ()
        if file.kind == "video":
            try:
                ranges = _frame_ranges(file, recipe.part)
            except MienError as error:
                file = replace(file, kind="unreadable", reason=error.message)
        if file.kind != "video":
            images.append(file)
        if images and (file.kind == "video" or len(images) == IMAGES_PER_CHUNK):
            chunks.append(_chunk(images, None, recipe))
            images = []
        chunks += [_chunk([file], frames, recipe) for frames in ranges]
    if images:
        chunks.append(_chunk(images, None, recipe))
    return chunks


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunk(files: Sequence[SourceFile], frames: tuple[int, int] | None, recipe: Recipe) -> Chunk:
    identity = [(file.name, printable(str(file.path)), file.size, file.mtime_ns) for file in files]
    return Chunk(recipe.key(identity, frames), tuple(files), frames)


def _frame_ranges(file: SourceFile, part: Part) -> Sequence[tuple[int, int] | None]:
    """Ranges of the file's frames. Raises MienError if it shows none in that part."""
    from mien.media.animation import open_video  # loads PyAV, which images do without

    try:
        with open_video(file.path) as video:
            count = len(video.frame_times())
    except Exception:  # whatever it raises
        return [None]  # the worker meets the same error and notes it in the index
    wanted = video.within(part) if count else video
    first, stop = wanted.first_frame, wanted.first_frame + len(wanted.frame_times())
    starts = range(first, stop, FRAMES_PER_CHUNK)
    return [(start, min(start + FRAMES_PER_CHUNK, stop)) for start in starts] or [None]
