"""Which pictures the network has not learnt from: those that it is measured on."""

from pathlib import Path
from zlib import crc32

_EACH = 4
_SEVERAL_OF_EACH = "openpeople"
"""The folder whose pictures are named PERSON_WHAT; elsewhere each picture is of another person."""


def is_held_out(path: Path) -> bool:
    """Whether the person in a picture takes no part in training: one of four, by the file's name."""
    person = path.stem.partition("_")[0] if path.parent.name == _SEVERAL_OF_EACH else path.stem
    return crc32(person.encode()) % _EACH == 0
