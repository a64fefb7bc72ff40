"""What a user's paths hold: which files are images, which are videos, which look like either and are neither."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.errors import MienError

SourceKind = Literal["image", "video", "unreadable"]

_IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".avif",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    }
)
_VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".mts",
        ".m2ts",
        ".wmv",
        ".flv",
        ".ogv",
        ".3gp",
        ".mxf",
    }
)
_UNSUPPORTED_SUFFIXES = frozenset(
    {".heic", ".heif", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".psd", ".xcf", ".svg"}
)
_HEAD_BYTES = 16
_MP4_IMAGE_BRANDS = (b"avif", b"avis")
_MP4_UNSUPPORTED_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"M4A ", b"M4B ")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that images of faces may come from."""

    path: Path
    kind: SourceKind
    reason: str = ""
    """Why it is unreadable; empty for the other kinds."""


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """The images and videos among files and in folders, with all their subfolders.

    A folder's files come in the order of their paths; a file that is reached twice counts once. What a file is is told
    by its first bytes, and where these tell nothing, by its suffix: a damaged image is an image, and reading it says
    what is wrong. A file in a folder is

    - skipped if it or a subfolder above it is hidden (its name begins with a dot);
    - "unreadable", with a reason, if its format is one of cameras or drawing programs that mien does not read;
    - ignored if neither bytes nor suffix are of an image or video (texts, archives, sound, …).

    A file that is named itself is never ignored: it is "unreadable" then. Links to files are followed, links to folders
    only if they are named themselves.

    Raises MienError for a path that is missing and a folder that may not be listed.
    """
    sources: dict[Path, Source] = {}
    for path in paths:
        if path.is_dir():
            found = [source for file in _files_below(path) if (source := _source(file))]
        elif path.exists():
            found = [_source(path) or Source(path, "unreadable", "it is neither an image nor a video")]
        else:
            raise MienError(f"There is no file or folder {path}.", f"ls {path.parent}")
        for source in found:
            sources.setdefault(source.path.resolve(), source)
    return list(sources.values())


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise MienError(f"{error.filename} cannot be listed: {error.strerror}.", f"ls -ld {error.filename}") from error

    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    return (path for path in sorted(files) if path.is_file())


def _source(path: Path) -> Source | None:
    """What a file is; None if it does not look like an image or video at all."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            kind = _kind_by_content(file.read(_HEAD_BYTES))
    except OSError as error:
        looks_like_media = suffix in _IMAGE_SUFFIXES | _VIDEO_SUFFIXES | _UNSUPPORTED_SUFFIXES
        return Source(path, "unreadable", f"it cannot be opened: {error.strerror}") if looks_like_media else None
    if kind is None and suffix in _IMAGE_SUFFIXES:
        kind = "image"
    if kind is None and suffix in _VIDEO_SUFFIXES:
        kind = "video"
    if suffix in _UNSUPPORTED_SUFFIXES or (kind == "unreadable" and suffix in _IMAGE_SUFFIXES | _VIDEO_SUFFIXES):
        return Source(path, "unreadable", f"{suffix} of this kind is not read; convert it to .png, .jpg or .mp4")
    return Source(path, kind) if kind in ("image", "video") else None


def _kind_by_content(head: bytes) -> SourceKind | None:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")):
        return "image"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image", b"AVI ": "video"}.get(head[8:12])  # type: ignore[return-value]
    if head[4:8] == b"ftyp":
        if head[8:12] in _MP4_IMAGE_BRANDS:
            return "image"
        return "unreadable" if head[8:12] in _MP4_UNSUPPORTED_BRANDS else "video"
    matroska, windows_media, program_stream = b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75", b"\0\0\1\xba"
    return "video" if head.startswith((matroska, windows_media, program_stream, b"FLV")) else None
