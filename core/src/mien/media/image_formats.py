"""Which image files Pillow reads: its own formats, and HEIF by a plugin of its own."""

from functools import cache
from pathlib import Path

from PIL import Image

from mien.errors import MienError

SUFFIXES = frozenset(
    [
        ".apng",
        ".avif",
        ".avifs",
        ".bmp",
        ".bw",
        ".cur",
        ".dds",
        ".dib",
        ".gif",
        ".heic",
        ".heif",
        ".hif",
        ".icb",
        ".icns",
        ".ico",
        ".j2c",
        ".j2k",
        ".jfif",
        ".jp2",
        ".jpc",
        ".jpe",
        ".jpeg",
        ".jpf",
        ".jpg",
        ".jpx",
        ".mpo",
        ".pbm",
        ".pcx",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".psd",
        ".qoi",
        ".rgb",
        ".rgba",
        ".sgi",
        ".tga",
        ".tif",
        ".tiff",
        ".vda",
        ".vst",
        ".webp",
        ".xbm",
        ".xpm",
    ]
)
"""Of the image files that are read."""
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_NOT_PIXELS = ("EPS", "WMF", "PDF", "MPEG", "HDF5", "GRIB", "BUFR", "STUB")


def open_image(path: Path) -> Image.Image:
    """Begin to read an image file, by its content. Raises what Pillow does, and MienError for what is no file."""
    if path.exists() and not path.is_file():
        raise MienError(
            f"{path} cannot be read: it is no file, but a folder, a pipe or a device.",
            "Copy what it gives into a file.",
        )
    return Image.open(path, formats=_formats())


def is_animation(path: Path) -> bool:
    """Whether a file is an image of several frames that follow each other."""
    try:
        with open_image(path) as image:
            return image.format in _ANIMATED and getattr(image, "n_frames", 1) > 1
    except Exception:  # whatever a damaged file raises: reading it says what is wrong
        return False


@cache
def _formats() -> tuple[str, ...]:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    Image.init()
    return tuple(name for name in Image.ID if name not in _NOT_PIXELS)
