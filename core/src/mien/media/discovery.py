"""What a user's paths hold: which files are images, which are videos, which look like either and are neither."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.errors import MienError
from mien.media.image_formats import SUFFIXES, is_animation

SourceKind = Literal["image", "video", "unreadable"]

_VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".qt",
        ".rm",
        ".rmvb",
        ".vob",
        ".webm",
        ".wmv",
    ]
)
_PERHAPS_VIDEO_SUFFIXES = frozenset(
    [
        ".264",
        ".265",
        ".h264",
        ".h265",
        ".hevc",
        ".ivf",
        ".m1v",
        ".m2p",
        ".m2t",
        ".m2v",
        ".mjpeg",
        ".mjpg",
        ".mod",
        ".nut",
        ".ogg",
        ".ogm",
        ".ogx",
        ".tod",
        ".tp",
        ".trp",
        ".ts",
        ".wtv",
        ".y4m",
    ]
)
"""Of files that may be something else too: sound, a text. Whether they hold images is tried."""
_JPEG_STREAM_SUFFIXES = (".mjpeg", ".mjpg")
"""Of JPEGs, one after the other; the first bytes are those of one."""
_UNSUPPORTED_SUFFIXES = frozenset(
    {
        ".raw",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".orf",
        ".rw2",
        ".raf",
        ".pef",
        ".srw",
        ".x3f",
        ".braw",
        ".r3d",
        ".xcf",
        ".svg",
        ".eps",
        ".ai",
        ".jxl",
    }
)
_SOUND_SUFFIXES = frozenset([".aac", ".flac", ".m4a", ".m4b", ".mka", ".mp3", ".oga", ".opus", ".wav", ".weba", ".wma"])
_HEAD_BYTES = 1024
_MP4_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_MP4_SOUND_BRANDS = (b"M4A ", b"M4B ")
_IMAGE_HEADS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"qoif",
    b"8BPS",
    b"DDS ",
    b"icns",
)
_VIDEO_HEADS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75",  # Windows Media
    b"\0\0\1\xba",  # MPEG program stream
    b"\0\0\1\xb3",  # MPEG video
    b"FLV",
    b"YUV4MPEG2",
    b".RMF",
    b"\x06\x0e\x2b\x34",  # MXF
)
_PACKET_BYTES = {188: 0, 192: 4, 204: 0}
"""How long the packets of a transport stream are, and where in them the mark stands."""


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
    what is wrong. An animated image is a video. A file in a folder is

    - skipped if it or a subfolder above it is hidden (its name begins with a dot);
    - "unreadable", with a reason, if its format is one of cameras or drawing programs that is not read;
    - passed over if neither bytes nor suffix are of an image or video (texts, archives, sound, …), or if it is no file,
      but a pipe or a device: `passed_over` tells which.

    A file that is named itself is never passed over: it is "unreadable" then. Links to files are followed, links to
    folders only if they are named themselves: `passed_over` tells the others.

    Raises MienError for a path that is missing and a folder that may not be listed.
    """
    sources: dict[str, Source] = {}
    folders: dict[str, str] = {}
    for path in paths:
        if path.is_dir():
            found = [source for file in _below(path)[0] if (source := _source(file))]
        elif path.exists():
            found = [_source(path) or Source(path, "unreadable", _why_neither(path))]
        else:
            raise _nothing_at(path)
        for source in found:
            sources.setdefault(_followed(source.path, folders), source)
    return list(sources.values())


def _followed(path: Path, folders: dict[str, str]) -> str:
    """Where a file lies, links followed. folders: where those lie that were asked for before."""
    if path.is_symlink():
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)


def check_there(*paths: Path) -> None:
    """Raises MienError for a path at which there is nothing, as `find_sources` would later."""
    for path in paths:
        if not path.exists():
            raise _nothing_at(path)


def _nothing_at(path: Path) -> MienError:
    return MienError(f"There is no file or folder {path}.", f"ls {path.parent}")


def passed_over(folder: Path) -> list[Path]:
    """What `find_sources` passes over in a folder and its subfolders, though it is not hidden, in order.

    That are files, and folders that are only linked to (`linked_folders`). Raises MienError for a folder that may not
    be listed.
    """
    files, links = _below(folder)
    return sorted([*links, *(path for path in files if _source(path) is None)])


def linked_folders(folder: Path) -> list[Path]:
    """The links to folders in a folder and its subfolders, in order: `find_sources` does not look into them.

    Raises MienError for a folder that may not be listed.
    """
    return _below(folder)[1]


def _why_neither(path: Path) -> str:
    return "it is neither an image nor a video" if path.is_file() else "it is no file, but a pipe or a device"


def _below(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files in a folder and its subfolders, and the links to folders, both in order; without what is hidden."""

    def refuse(error: OSError) -> None:
        raise MienError(f"{error.filename} cannot be listed: {error.strerror}.", f"ls -ld {error.filename}") from error

    files: list[Path] = []
    links: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links += [path for name in folders if (path := Path(parent, name)).is_symlink()]
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(files), sorted(links)


def _source(path: Path) -> Source | None:
    """What a file is; None if it does not look like an image or video at all."""
    suffix = path.suffix.lower()
    if suffix in _SOUND_SUFFIXES or (not path.is_file() and path.exists()):
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        is_media = suffix in SUFFIXES | _VIDEO_SUFFIXES | _UNSUPPORTED_SUFFIXES
        return Source(path, "unreadable", f"it cannot be opened: {error.strerror}") if is_media else None
    kind = _kind_by_content(head)
    if kind == "image" and (suffix in _JPEG_STREAM_SUFFIXES or _is_animated(head, path)):
        kind = "video"
    if suffix in _UNSUPPORTED_SUFFIXES:
        return Source(path, "unreadable", f"{suffix} of this kind is not read; convert it to .png, .jpg or .mp4")
    if kind is None and suffix in SUFFIXES:
        kind = "image"
    if kind is None and suffix in _VIDEO_SUFFIXES:
        kind = "video"
    if kind is None and suffix in _PERHAPS_VIDEO_SUFFIXES and _shows_something(path):
        kind = "video"
    return Source(path, kind) if kind else None


def _kind_by_content(head: bytes) -> SourceKind | None:
    if head.startswith(_IMAGE_HEADS):
        return "image"
    if head[:4] == b"RIFF":
        return {b"WEBP": "image", b"AVI ": "video"}.get(head[8:12])  # type: ignore[return-value]
    if head[4:8] == b"ftyp":
        if head[8:12] in _MP4_SOUND_BRANDS:
            return None
        return "image" if head[8:12] in _MP4_IMAGE_BRANDS else "video"
    return "video" if head.startswith(_VIDEO_HEADS) or _is_transport_stream(head) else None


def _is_animated(head: bytes, path: Path) -> bool:
    """Whether an image has several frames that follow each other; then it is treated as a video."""
    if head[8:16] == b"WEBPVP8X":
        may_be = bool(head[20] & 2)
    else:
        may_be = head.startswith((b"GIF8", b"\x89PNG", b"II*\0", b"MM\0*")) or head[4:12] == b"ftypavis"
    return may_be and is_animation(path)


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > 3 * length and all(head[place + length * number] == ord("G") for number in range(4))
        for length, place in _PACKET_BYTES.items()
    )


def _shows_something(path: Path) -> bool:
    """Whether FFmpeg finds images in a file."""
    import av  # most files do without

    try:
        with av.open(str(path.absolute()), metadata_errors="replace") as container:
            return any(stream.codec_context and stream.codec_context.width for stream in container.streams.video)
    except (av.error.FFmpegError, OSError, ValueError):
        return False
