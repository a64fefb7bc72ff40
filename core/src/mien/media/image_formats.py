"""Which image files Pillow reads: its own formats, and HEIF by a plugin of its own."""

import os
import warnings
from functools import cache
from pathlib import Path
from threading import Lock

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
MEGAPIXELS_VARIABLE = "MIEN_MAX_MEGAPIXELS"
"""The environment variable that says how large an image may be."""
_MOST_MEGAPIXELS = 179.0
_BYTES_PER_PIXEL = 20
_LIMIT_LOCK = Lock()
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
_PAGED = "TIFF"
_USUAL = ("JPEG", "PNG", "WEBP", "TIFF")
"""They are tried first: Pillow asks one format after the other whether a file is of it."""
_NOT_PIXELS = ("EPS", "WMF", "PDF", "MPEG", "HDF5", "GRIB", "BUFR", "STUB")


def open_image(path: Path) -> Image.Image:
    """Begin to read an image file, by its content. Raises what Pillow does, and MienError for what is no file."""
    if path.exists() and not path.is_file():
        raise MienError(
            f"{path} cannot be read: it is no file, but a folder, a pipe or a device.",
            "Copy what it gives into a file.",
        )
    formats = _formats()
    # Pillow warns of large images without saying which, and refuses larger ones whatever one says: the limit is ours.
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    most = most_megapixels()
    if image.width * image.height > most * 1e6:
        image.close()
        raise MienError(
            f"{path} cannot be read: it has {image.width * image.height / 1e6:.0f} million pixels, more than {most:g}, "
            "as a decompression bomb would.",
            f"If it is what it should be: {MEGAPIXELS_VARIABLE}={image.width * image.height / 1e6 + 1:.0f}, and some "
            f"{image.width * image.height * _BYTES_PER_PIXEL / 1e9:.0f} GB of memory",
        )
    return image


def most_megapixels() -> float:
    """How large an image may be, in millions of pixels. Raises MienError if the user's limit is no number."""
    said = os.environ.get(MEGAPIXELS_VARIABLE, "")
    try:
        return float(said) if said else _MOST_MEGAPIXELS
    except ValueError as error:
        raise MienError(f"{MEGAPIXELS_VARIABLE}={said} is no number.", f"{MEGAPIXELS_VARIABLE}=200") from error


def is_animation(path: Path) -> bool:
    """Whether a file is an image of several frames that follow each other, or of several pages of one size."""
    try:
        with open_image(path) as image:
            if getattr(image, "n_frames", 1) < 2:
                return False
            return image.format in _ANIMATED or (image.format == _PAGED and _has_one_size(image))
    except Exception:  # whatever a damaged file raises: reading it says what is wrong
        return False


def is_paged(path: Path) -> bool:
    """Whether the frames of an animation are pages, which have no times. Raises what Pillow does."""
    with open_image(path) as image:
        return image.format == _PAGED


def _has_one_size(image: Image.Image) -> bool:
    sizes = set()
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        sizes.add(image.size)
    return len(sizes) == 1


@cache
def _formats() -> tuple[str, ...]:
    from pillow_heif import register_heif_opener

    register_heif_opener()
    Image.init()
    # Pillow warns of damaged tags and the like without saying of which file; what matters is an error or a note.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    known = [name for name in Image.ID if name not in _NOT_PIXELS]
    return tuple(sorted(known, key=lambda name: name not in _USUAL))
