"""Reading and writing images: every format and mode that people have, upright, as RGB."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.credentials import remove_sidecar
from mien.media.deep_images import Deep, encode_png, encode_tiff, has_16_bits, merged, orientation_of, read_deep
from mien.media.files import whole_file
from mien.media.image_formats import open_image
from mien.media.provenance import Provenance
from mien.media.transparency import Alpha, alpha_of, as_pillow, with_alpha

_JPEG_BLOCK_PX = 8
_JPEG_FILLING = (127, 128)  # 127 where CMYK is stored inverted
_ROWS_AT_ONCE = 512
_JPEG_FORMATS = ("JPEG", "MPO")
_FORMAT_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
WRITABLE_SUFFIXES = tuple(_FORMAT_OF_SUFFIX)
"""What `write_image` can write."""
TRANSPARENT_SUFFIXES = (".png", ".webp", ".tif", ".tiff")
"""Those of them that hold transparency."""
DEEP_SUFFIXES = (".png", ".tif", ".tiff")
"""Those of them that are written in 16 bits a channel."""
LABELLED_SUFFIXES = tuple(suffix for suffix in _FORMAT_OF_SUFFIX if suffix != ".bmp")
"""Those of them that can say that they are synthetic."""


_TIFF_TAGS_KEPT = (271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)
"""Of EXIF's first directory: camera, resolution, software, time, artist, computer, copyright."""
_EXIF_DIRECTORY = 0x8769
_EXIF_LEFT_OUT = (0x927C, 0xA005)
"""A maker's notes may hold a small copy of the image, with the face that was there; what points to further tags."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """An image file, read."""

    image: RgbImage
    """See `read_image`."""
    exif: Image.Exif
    """What the camera said: time, lens, exposure, … Neither where it was taken nor a small copy of the image."""
    notes: tuple[str, ...]
    """What of the file is not read, as sentences without an end; see also `lost_in`."""
    alpha: Alpha | None = None
    """How opaque each pixel is; None: all are."""
    has_16_bits: bool = False
    """Whether the file has 16 bits a channel."""
    deep: Deep | None = None
    """The image in 16 bits, if the file has them, they can be read, and it was asked for."""


def read_image(path: Path) -> RgbImage:
    """Read an image as uint8 (H, W, 3), RGB, upright; the array is the caller's own.

    - EXIF orientation is applied. Of several frames or pages, the first is read; `load_file` says so.
    - 16 bits a channel are scaled to 8. Gray, palette, bilevel and CMYK become RGB; where a color profile other than
      sRGB is embedded, it is converted to sRGB.
    - Transparent pixels are shown on white, as on a page.

    Raises MienError naming the file and the reason if it is missing, empty, no image, damaged anywhere, larger than
    Pillow's limit against decompression bombs, or of 32-bit numbers, whose range nobody can know.
    """
    with _opened(path) as image:
        _load(image, path)
        ImageOps.exif_transpose(image, in_place=True)
        return as_rgb(image)


def load_file(path: Path, *, deep: bool = False) -> LoadedFile:
    """Read an image with what the file says beside it. Raises MienError as `read_image`.

    deep: whether one of 16 bits a channel is read in 16 bits too.
    """
    with _opened(path) as image:
        notes, is_deep = _left_out(image), has_16_bits(image)
        _load(image, path)
        exif, orientation = _kept_exif(image.getexif()), orientation_of(image.getexif())
        ImageOps.exif_transpose(image, in_place=True)
        shown, alpha = as_rgb(image), alpha_of(image)
        in_16_bits = None
        if deep and is_deep and not _other_profile(image):
            in_16_bits = read_deep(path, orientation, alpha, image.size)
        return LoadedFile(shown, exif, notes, alpha, is_deep, in_16_bits)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image, not loaded yet. Whatever is raised in the block is an error of the file."""
    try:
        with open_image(path) as image:
            yield image
            return
    except UnidentifiedImageError:
        reason = "it is empty" if path.stat().st_size == 0 else "it is not an image of a known format"
    except FileNotFoundError:
        raise MienError(f"There is no image {path}.", f"ls {path.parent}") from None
    except MienError:
        raise
    except MemoryError:
        reason = "it does not fit into memory"
    # Decoders raise SyntaxError, ValueError, struct.error and more on damaged files; none of it may end a long run.
    except Exception as error:
        reason = _in_words(error)
    raise MienError(f"{path} cannot be read: {reason}.", "Leave it out, or export it again from its origin.")


def _load(image: Image.Image, path: Path) -> None:
    image.load()
    if image.format in _JPEG_FORMATS and _ends_in_gray(image):
        _refuse_gray_filling(path)


def lost_in(file: LoadedFile, path: Path) -> tuple[str, ...]:
    """What of a file is not in the image that is written to a path, as sentences without an end."""
    suffix = path.suffix.lower()
    alpha = file.alpha is not None and suffix not in TRANSPARENT_SUFFIXES
    bits = file.has_16_bits and (file.deep is None or suffix not in DEEP_SUFFIXES)
    notes = [
        "transparency is left out: transparent pixels are white" if alpha else None,
        "16 bits a channel became 8" if bits else None,
    ]
    return (*file.notes, *filter(None, notes))


def check_image_suffix(path: Path, *, is_synthetic: bool) -> None:
    """Raises MienError for a path as which no image is written, or no synthetic one."""
    suffix, fitting = path.suffix.lower(), LABELLED_SUFFIXES if is_synthetic else WRITABLE_SUFFIXES
    if suffix in fitting:
        return
    what = f"images are not written as {path.suffix or 'a file without suffix'}"
    if suffix in WRITABLE_SUFFIXES:
        what = f"a {path.suffix} has no place to say that it is synthetic"
    raise MienError(f"{path}: {what}.", f"Use one of {', '.join(fitting)}.")


def write_image(
    path: Path,
    image: RgbImage,
    *,
    synthetic: Provenance | None,
    exif: Image.Exif | None = None,
    like: LoadedFile | None = None,
) -> None:
    """Write uint8 (H, W, 3), RGB, whole or not at all, in the format that the suffix names.

    JPEG and WebP are written at quality 95, JPEG without thinning its colors (4:4:4); the others lose nothing.
    synthetic: the mark of an image that was drawn or changed, and what signs it, if anything does; None for one that
    shows what the camera saw. exif: what the camera said, as `load_file` gives it; None: nothing. like: the file that
    the image was made from: its transparency is kept where the format can (`TRANSPARENT_SUFFIXES`), its 16 bits where
    that is written (`DEEP_SUFFIXES`), with all of them in pixels that did not change; `lost_in` says what is not.

    Raises MienError for an unknown suffix, for a synthetic image as .bmp, which has no place for the mark, for a
    side of more than 65500 (JPEG) or 16383 px (WebP), for a full disk or a missing permission; and if it cannot be
    signed.
    """
    check_image_suffix(path, is_synthetic=synthetic is not None)
    written_as = _FORMAT_OF_SUFFIX[path.suffix.lower()]
    options = save_options(written_as, synthetic)
    if exif and written_as == "TIFF":
        options["tiffinfo"] = _with_tags(exif, options.get("tiffinfo", {}))
        if exif.get_ifd(_EXIF_DIRECTORY):
            del options["compression"]  # with it, Pillow has libtiff write the file, and that takes no such directory
    elif exif and written_as != "BMP":
        options["exif"] = exif.tobytes()
    encoded = io.BytesIO()
    alpha = like.alpha if like and path.suffix.lower() in TRANSPARENT_SUFFIXES else None
    try:
        if like and like.deep is not None and path.suffix.lower() in DEEP_SUFFIXES:
            encode = _as_deep_png if written_as == "PNG" else _as_deep_tiff
            encoded.write(encode(merged(image, like.image, like.deep), alpha, options))
        else:
            as_pillow(image, alpha).save(encoded, written_as, **options)
    except (OSError, ValueError) as error:
        height, width = image.shape[:2]
        raise MienError(
            f"{path}: an image of {width}×{height} px cannot be written as {written_as}: {error}.",
            "Use .png or .tiff.",
        ) from error
    data = encoded.getvalue()
    if synthetic and synthetic.signer:
        data = synthetic.signer.embedded(data, path.suffix, synthetic)
    with whole_file(path) as partial:
        partial.write_bytes(data)
        remove_sidecar(path)


def _kept_exif(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in _TIFF_TAGS_KEPT if tag in exif})
    try:
        of_camera = exif.get_ifd(_EXIF_DIRECTORY)
    except Exception:  # damaged tags are no reason to refuse an image
        return kept
    of_camera = {tag: value for tag, value in of_camera.items() if tag not in _EXIF_LEFT_OUT}
    if of_camera:
        kept.get_ifd(_EXIF_DIRECTORY).update(of_camera)
    try:
        kept.tobytes()
    except Exception:  # values of a kind that cannot be written again
        return Image.Exif()
    return kept


def _left_out(image: Image.Image) -> tuple[str, ...]:
    """What of an image that was opened, but not loaded yet, is not read."""
    notes = []
    further = getattr(image, "n_frames", 1) - 1
    if further > 0 and image.format not in ("ICO", "CUR", "ICNS", "PSD"):
        pages = "page" if image.format == "TIFF" else "image"
        notes.append(f"{further} further {pages}{'s are' if further > 1 else ' is'} left out: the first alone is read")
    return tuple(notes)


def _with_tags(exif: Image.Exif, tags: Mapping[int, Any]) -> Image.Exif:
    """The same with other tags in its first directory; what a TIFF has as its own tags, others have as EXIF."""
    joined = Image.Exif()
    joined.load(exif.tobytes())
    joined.update(tags)
    return joined


def _as_deep_png(image: Deep, alpha: Alpha | None, options: dict[str, Any]) -> bytes:
    """options: as `save_options` has them for PNG."""
    chunks = [(name, content) for name, content, *_ in options["pnginfo"].chunks] if "pnginfo" in options else []
    if "exif" in options:
        chunks.append((b"eXIf", options["exif"].removeprefix(b"Exif\0\0")))
    return encode_png(image if alpha is None else with_alpha(image, alpha), chunks)


def _as_deep_tiff(image: Deep, alpha: Alpha | None, options: dict[str, Any]) -> bytes:
    """options: as `save_options` has them for TIFF."""
    tags = options.get("tiffinfo", {})
    known = {tag: tags[tag] for tag in tags if tag != _EXIF_DIRECTORY}
    if isinstance(tags, Image.Exif) and (of_camera := tags.get_ifd(_EXIF_DIRECTORY)):
        known[_EXIF_DIRECTORY] = dict(of_camera)
    return encode_tiff(image if alpha is None else with_alpha(image, alpha), known)


def as_rgb(image: Image.Image) -> RgbImage:
    """A loaded image as uint8 (H, W, 3), RGB, transparent pixels on white. Raises ValueError for 32-bit numbers."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        gray = ((values * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError("it holds 32-bit numbers, whose range is not known; save it with 8 or 16 bits a channel")
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        image = _in_srgb(page.convert("RGB"), image.info.get("icc_profile"))
    else:
        image = _in_srgb(image, image.info.get("icc_profile"))
    return _as_array(image)


def _as_array(image: Image.Image) -> RgbImage:
    """An RGB image as an array, some rows at a time: at once, Pillow makes another copy of it on the way."""
    width, height = image.size
    if height <= _ROWS_AT_ONCE:
        return np.array(image)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _other_profile(image: Image.Image) -> bool:
    """Whether an image has a color profile that is not sRGB's own."""
    profile = image.info.get("icc_profile")
    if not profile:
        return False
    try:
        return "sRGB" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except ImageCms.PyCMSError:
        return False


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image as RGB; converted if its profile is of its mode and not sRGB's own."""
    if profile:
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(embedded):
                converted = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
                return converted or image.convert("RGB")
        except ImageCms.PyCMSError:
            pass  # a profile that is damaged or of another mode: the pixels are still what viewers show
    return image if image.mode == "RGB" else image.convert("RGB")


def _ends_in_gray(image: Image.Image) -> bool:
    """Whether the last pixels are of the one gray with which libjpeg fills what is missing, without an error."""
    width, height = image.size
    last = image.crop((max(0, width - _JPEG_BLOCK_PX), height - 1, width, height))
    darkest, brightest = _JPEG_FILLING
    extrema = (cast(tuple[int, int], band.getextrema()) for band in last.split())
    return all(darkest <= low and high <= brightest for low, high in extrema)


def _refuse_gray_filling(path: Path) -> None:
    """Raise an error if a decoder that tells finds data missing."""
    import av  # most images do without

    strict = av.CodecContext.create("mjpeg", "r")
    strict.options = {"err_detect": "explode"}
    try:
        strict.decode(av.Packet(path.read_bytes()))
    except av.error.InvalidDataError:
        raise ValueError("its data end before the image does") from None


def _in_words(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        return f"it has more than {limit:.0f} million pixels, as a decompression bomb would"
    text = str(error).strip().rstrip(".")
    return text or type(error).__name__


def save_options(written_as: str, synthetic: Provenance | None) -> dict[str, Any]:
    """What Pillow is to be told when it writes a format: quality, and the mark of what is synthetic."""
    return {**_quality(written_as), **(_mark(written_as, synthetic) if synthetic else {})}


def _quality(written_as: str) -> dict[str, Any]:
    if written_as == "JPEG":
        return {"quality": 95, "subsampling": "4:4:4"}
    if written_as == "WEBP":
        return {"quality": 95}
    if written_as == "TIFF":
        return {"compression": "tiff_deflate"}
    return {}


def _mark(written_as: str, synthetic: Provenance) -> dict[str, Any]:
    """Where each format keeps an XMP packet and a comment for people."""
    xmp, note = synthetic.to_xmp(), synthetic.note()
    if written_as == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        chunks.add_itxt("Comment", note)
        return {"pnginfo": chunks}
    if written_as == "JPEG":
        return {"xmp": xmp.encode(), "comment": note.encode()}
    if written_as == "TIFF":
        xmp_tag, description_tag = 700, 270
        return {"tiffinfo": {xmp_tag: xmp.encode(), description_tag: note}}
    return {"xmp": xmp.encode()}
