"""Images of 16 bits a channel, which Pillow reads and writes in 8: read by OpenCV, written with what else belongs into
the file: PNG by OpenCV, which takes no notes, TIFF strip by strip beside Pillow's directory.

What was not drawn keeps its bits.
"""

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from mien.contracts.face import RgbImage
from mien.media.transparency import Alpha, on_white

Deep = NDArray[np.uint16]
"""uint16 (H, W, 3), RGB."""
_TO_16_BITS = 257
_ORIENTATION = 0x0112
_PNG_HEAD_BYTES = 8 + 25
"""The signature, and the first chunk."""
_COMPRESSION = 6
_STRIP_BYTES = 2**18
_LARGEST_TIFF_BYTES = 2**32 - 1
_DEFLATE, _RGB, _DIFFERENCES, _NOT_MULTIPLIED = 8, 2, 2, 2  # as TIFF 6.0 and its supplements number them
_COLORS = 3


def has_16_bits(image: Image.Image) -> bool:
    """Whether an image that was opened, but not loaded yet, is stored so."""
    stored_as = [image.mode, *(str(tile[3]) for tile in getattr(image, "tile", ()) if len(tile) > 3)]
    return any(";16" in mode for mode in stored_as)


def read_deep(path: Path, orientation: int, alpha: Alpha | None, size: tuple[int, int]) -> Deep | None:
    """The image of a PNG or TIFF of 16 bits, upright, transparent pixels on white; None if OpenCV reads another one.

    orientation: as EXIF says it. alpha: upright. size: width and height, upright.
    """
    read = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16:
        return None
    if read.ndim == 2:
        read = read[..., None].repeat(3, axis=2)
    turned = _upright(read[..., :3][..., ::-1], orientation)
    if turned.shape[:2] != size[::-1]:
        return None
    return np.ascontiguousarray(turned if alpha is None else on_white(turned, alpha))


def orientation_of(exif: Image.Exif) -> int:
    """As EXIF says it: 1 is upright."""
    said = exif.get(_ORIENTATION, 1)
    return said if isinstance(said, int) else 1


def encode_png(image: NDArray[np.uint16], chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A PNG of 16 bits: uint16 (H, W, 3) or (H, W, 4), RGB first. chunks: what else belongs into it, name and content.

    Raises OSError if it cannot be written.
    """
    order = [2, 1, 0, 3][: image.shape[2]]
    written, encoded = cv2.imencode(".png", image[..., order], [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    if not written:
        raise OSError("OpenCV does not write it")
    data = encoded.tobytes()
    return data[:_PNG_HEAD_BYTES] + b"".join(_chunk(name, content) for name, content in chunks) + data[_PNG_HEAD_BYTES:]


def encode_tiff(image: NDArray[np.uint16], tags: Mapping[int, Any]) -> bytes:
    """A TIFF of 16 bits, in deflated strips: uint16 (H, W, 3) or (H, W, 4), RGB first.

    tags: what else belongs into its directory, number → value, as Pillow takes them; a dict is a directory of its own.
    Raises OSError if it cannot be written.
    """
    height, width, channels = image.shape
    rows = max(1, _STRIP_BYTES // (2 * channels * width))
    strips = [zlib.compress(_differences(image[top : top + rows])) for top in range(0, height, rows)]
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    own = {
        TiffImagePlugin.IMAGEWIDTH: width,
        TiffImagePlugin.IMAGELENGTH: height,
        TiffImagePlugin.BITSPERSAMPLE: (16,) * channels,
        TiffImagePlugin.COMPRESSION: _DEFLATE,
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: _RGB,
        TiffImagePlugin.SAMPLESPERPIXEL: channels,
        TiffImagePlugin.ROWSPERSTRIP: rows,
        TiffImagePlugin.STRIPBYTECOUNTS: tuple(map(len, strips)),
        TiffImagePlugin.STRIPOFFSETS: (0, *accumulate(map(len, strips[:-1]))),  # from the end of the directory
        TiffImagePlugin.PREDICTOR: _DIFFERENCES,
    }
    if channels > _COLORS:
        own[TiffImagePlugin.EXTRASAMPLES] = _NOT_MULTIPLIED
    for tag, value in own.items():
        directory[tag] = value
    file = io.BytesIO()
    directory.save(file)
    if file.tell() + sum(map(len, strips)) > _LARGEST_TIFF_BYTES:
        raise OSError("a TIFF holds 4 GB at most")
    file.writelines(strips)
    return file.getvalue()


def _differences(rows: NDArray[np.uint16]) -> bytes:
    """Each pixel less the one on its left, which is deflated better: TIFF's horizontal predictor."""
    left = np.zeros_like(rows)
    left[:, 1:] = rows[:, :-1]
    return (rows - left).astype("<u2").tobytes()


def merged(image: RgbImage, before: RgbImage, deep: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """An image that was drawn, in 16 bits: uint16 (H, W, 3).

    image, before: in 8 bits, as it is and as it was; deep: as it was, in 16 bits. What did not change keeps its bits.
    """
    changed = (image != before).any(axis=2, keepdims=True)
    return np.where(changed, image.astype(np.uint16) * _TO_16_BITS, deep)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turned and mirrored as EXIF's orientation says."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
