"""Which output belongs to which original."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.errors import MienError
from mien.media.discovery import Source, find_sources

_MARKS = ("", "_anonymized")  # deface writes NAME_anonymized.mp4


@dataclass(frozen=True, slots=True)
class FilePair:
    """An original and what was made of it; both images, or both videos."""

    original: Source
    output: Path


def pair_files(original: Path, output: Path) -> tuple[list[FilePair], list[Path]]:
    """Two files, or those of two folders that belong together, in order; and the originals without an output.

    In folders, an output lies where its original does, and has its name, or its name with another suffix (a.gif.png,
    a.png), or "_anonymized" after it.
    Raises MienError if one is missing, one is a folder and the other a file, one is neither an image nor a video, one
    is an image and the other a video, or nothing belongs together.
    """
    if original.is_dir() != output.is_dir() and original.exists() and output.exists():
        raise MienError(
            f"{original} is a {_what(original)}, {output} is a {_what(output)}.",
            "Give two files, or two folders.",
        )
    if not original.is_dir():
        return [_pair(_readable(original), _readable(output))], []
    outputs = {
        source.path.relative_to(output): source for source in find_sources([output]) if source.kind != "unreadable"
    }
    pairs: list[FilePair] = []
    without: list[Path] = []
    for source in find_sources([original]):
        if source.kind == "unreadable":
            continue
        name = next((one for one in _names(source.path.relative_to(original), outputs)), None)
        if name is None or outputs[name].kind != source.kind:
            without.append(source.path)
        else:
            pairs.append(_pair(source, outputs[name]))
    if not pairs:
        raise MienError(f"No file of {output} belongs to one of {original} by its name.", f"ls {original} {output}")
    return pairs, without


def _names(path: Path, outputs: dict[Path, Source]) -> Iterator[Path]:
    beside = [one for one in outputs if one.parent == path.parent]
    yield from (one for one in beside if one.name == path.name)
    yield from (one for one in beside if one.stem == path.name)
    yield from (one for mark in _MARKS for one in beside if one.stem == path.stem + mark)


def _pair(original: Source, output: Source) -> FilePair:
    if original.kind != output.kind:
        raise MienError(
            f"{original.path} is a {original.kind}, {output.path} is a {output.kind}.", "Give two files of one kind."
        )
    return FilePair(original, output.path)


def _readable(path: Path) -> Source:
    (source,) = find_sources([path])
    if source.kind == "unreadable":
        raise MienError(f"{path} cannot be audited: {source.reason}.", "Give an image, a video or a folder of them.")
    return source


def _what(path: Path) -> str:
    return "folder" if path.is_dir() else "file"
