"""Which output belongs to which original."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.errors import MienError
from mien.media.discovery import Source, find_sources
from mien.media.files import fitting
from mien.media.provenance import read_provenance

_MARK = "_anonymized"  # deface writes NAME_anonymized.mp4
_COMPARISON = ".blenders.png"
"""What `mien swap --blender auto` shows beside its results."""


@dataclass(frozen=True, slots=True)
class FilePair:
    """An original and what was made of it; both images, or both videos."""

    original: Source
    output: Path


@dataclass(frozen=True, slots=True)
class PairedFiles:
    """What belongs together of an original and an output, and what does not."""

    pairs: Sequence[FilePair]
    """In the order of the originals; of one original there may be several outputs."""
    without_output: Sequence[Path] = ()
    """Originals that nothing was made of, or that cannot be read."""
    without_original: Sequence[Source] = ()
    """Files of the output that were made of nothing that is there, or cannot be read."""


def pair_files(original: Path, output: Path) -> PairedFiles:
    """Two files, or those of two folders that belong together.

    In folders, an output lies where its original does, and has its name, or its name with another suffix (a.gif.png,
    a.png), or "_anonymized" after it. It belongs to the original whose name is most like its own in this order, and to
    several if theirs are equally so; an original may have several outputs.
    Raises MienError if one is missing, one is a folder and the other a file, one is neither an image nor a video, one
    is an image and the other a video, or nothing belongs together.
    """
    if original.is_dir() != output.is_dir() and original.exists() and output.exists():
        raise MienError(
            f"{original} is a {_what(original)}, {output} is a {_what(output)}.",
            "Give two files, or two folders.",
        )
    if not original.is_dir():
        return PairedFiles([_pair(_readable(original), _readable(output))])
    originals = {source.path.relative_to(original): source for source in find_sources([original])}
    outputs = {
        source.path.relative_to(output): source for source in find_sources([output]) if not _is_comparison(source)
    }
    made_of = _made_of(originals, outputs)
    belonging: defaultdict[Path, list[Path]] = defaultdict(list)
    for made, names in made_of.items():
        for name in names:
            belonging[name].append(made)
    pairs = [FilePair(originals[name], outputs[made].path) for name in originals for made in belonging[name]]
    if not pairs:
        raise MienError(f"No file of {output} belongs to one of {original} by its name.", f"ls {original} {output}")
    return PairedFiles(
        pairs,
        [source.path for name, source in originals.items() if not belonging[name]],
        [source for name, source in outputs.items() if not made_of[name]],
    )


def _made_of(originals: Mapping[Path, Source], outputs: Mapping[Path, Source]) -> dict[Path, list[Path]]:
    """Output → the originals that it is named after; several, if one name is as good as the other."""
    suffixes = {path.suffix for path in outputs}
    by_name: defaultdict[Path, list[Path]] = defaultdict(list)
    by_more: defaultdict[Path, list[Path]] = defaultdict(list)
    by_stem: defaultdict[Path, list[Path]] = defaultdict(list)
    for path, source in originals.items():
        if source.kind != "unreadable":
            by_name[path].append(path)
            by_stem[path.parent / path.stem].append(path)
            for suffix in suffixes:
                by_more[fitting(path.with_name(path.name + suffix), suffix)].append(path)

    def named_after(path: Path) -> Iterator[list[Path]]:
        stem = path.parent / path.stem
        yield by_name.get(path, [])
        yield by_more.get(path, [])
        yield by_stem.get(stem, [])
        if path.stem.endswith(_MARK):
            yield by_stem.get(path.parent / path.stem.removesuffix(_MARK), [])

    found: dict[Path, list[Path]] = {}
    for path, source in outputs.items():
        alike = ([name for name in names if originals[name].kind == source.kind] for names in named_after(path))
        found[path] = next(filter(None, alike), [])
    return found


def _is_comparison(source: Source) -> bool:
    if not source.path.name.endswith(_COMPARISON):
        return False
    try:
        return read_provenance(source.path) is not None
    except MienError:
        return False


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
