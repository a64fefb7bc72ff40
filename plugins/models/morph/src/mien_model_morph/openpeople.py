"""The bank that comes along: ten people who never existed, from the distribution `openpeople`.

Their pictures are read from its sheets of sixteen expressions. Where the faces are in them, and what of each face is of
use, stands in `data/openpeople.npz`; `tools/measure_openpeople.py` makes it.
"""

from functools import cache
from importlib import resources
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import MienError

VERSION = "0.1.2"
"""Of openpeople, whose sheets were measured."""
SHEET = "emotions_sheet.jpg"


class Measured(NamedTuple):
    """What is known of the N faces on all sheets."""

    people: NDArray[np.int64]
    """int64 (N,): which person a face is of; P001 is 0."""
    landmarks: NDArray[np.float32]
    """float32 (N, 68, 2), iBUG-68, in pixels of the person's sheet."""
    digests: NDArray[np.uint32]
    """uint32 (10,): CRC-32 of each person's sheet as a file."""
    usable: NDArray[np.bool_]
    """bool (N, 3): whether skin, eyes and mouth may be drawn from it."""


def sheet_of(person: int) -> NDArray[np.uint8]:
    """A person's sheet of expressions: uint8 (H, W, 3), RGB.

    Raises MienError if openpeople does not have it, or another one than was measured.
    """
    data = sheet_bytes(person)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or crc32(data) != measured().digests[person]:
        raise MienError(f"{_name(person)} of the installed openpeople is not that of {VERSION}.", _FIX)
    return np.asarray(image)


def sheet_bytes(person: int) -> bytes:
    """The file of a person's sheet. Raises MienError if openpeople does not have it."""
    try:
        return (resources.files("openpeople") / "data" / "curated" / _name(person) / "assets" / SHEET).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise MienError(f"The pictures of openpeople were not found: {error}.", _FIX) from error


def _name(person: int) -> str:
    return f"P{person + 1:03d}"


@cache
def measured() -> Measured:
    """What `tools/measure_openpeople.py` found."""
    with (resources.files("mien_model_morph") / "data" / "openpeople.npz").open("rb") as file, np.load(file) as stored:
        return Measured(**stored)


_FIX = f"pip install --force-reinstall 'openpeople=={VERSION}'"
