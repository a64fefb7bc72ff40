"""Ways in which files are damaged, as `fuzz.py` does it."""

import struct
from collections.abc import Callable

import numpy as np

HEAD_BYTES = 512
LARGEST_BLOCK = 4096
MOST_BITS = 64
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUMBERS = (">B", ">H", "<H", ">I", "<I")


def damaged(content: bytes, dice: np.random.Generator) -> tuple[str, bytes]:
    """How a file was damaged, and what is left of it."""
    name = list(_WAYS)[dice.integers(len(_WAYS))]
    return name, _WAYS[name](content, dice)


def _flipped(content: bytes, dice: np.random.Generator) -> bytes:
    """Some bits anywhere are others."""
    data = bytearray(content)
    for at in dice.integers(8 * len(data), size=int(2 ** dice.uniform(0, np.log2(MOST_BITS)))):
        data[at // 8] ^= 1 << (at % 8)
    return bytes(data)


def _cut(content: bytes, dice: np.random.Generator) -> bytes:
    """The end is missing."""
    return content[: dice.integers(len(content))]


def _beheaded(content: bytes, dice: np.random.Generator) -> bytes:
    """The beginning is missing."""
    return content[dice.integers(min(len(content), HEAD_BYTES)) :]


def _zeroed(content: bytes, dice: np.random.Generator) -> bytes:
    """A block is zero, as one that was never written to the disk."""
    start, end = _block(content, dice)
    return content[:start] + bytes(end - start) + content[end:]


def _swapped(content: bytes, dice: np.random.Generator) -> bytes:
    """Two blocks that meet are in each other's place."""
    start, end = _block(content, dice)
    middle = int(dice.integers(start, end + 1))
    return content[:start] + content[middle:end] + content[start:middle] + content[end:]


def _removed(content: bytes, dice: np.random.Generator) -> bytes:
    """A block is missing."""
    start, end = _block(content, dice)
    return content[:start] + content[end:]


def _repeated(content: bytes, dice: np.random.Generator) -> bytes:
    """A block comes twice."""
    start, end = _block(content, dice)
    return content[:end] + content[start:]


def _random_head(content: bytes, dice: np.random.Generator) -> bytes:
    """Some bytes of the header are others."""
    data = bytearray(content)
    for at in dice.integers(min(len(data), HEAD_BYTES), size=int(dice.integers(1, 5))):
        data[at] = dice.integers(256)
    return bytes(data)


def _extreme_number(content: bytes, dice: np.random.Generator) -> bytes:
    """A number, mostly of the header, is as small or as large as it can be: a size, a count, a place."""
    form = _NUMBERS[dice.integers(len(_NUMBERS))]
    data, size = bytearray(content), struct.calcsize(form)
    within = min(len(data), HEAD_BYTES) if dice.random() < 0.7 else len(data)
    at = int(dice.integers(max(1, within - size)))
    number = _EXTREMES[dice.integers(len(_EXTREMES))] & (256**size - 1)
    data[at : at + size] = struct.pack(form, number)
    return bytes(data)


def _block(content: bytes, dice: np.random.Generator) -> tuple[int, int]:
    start = int(dice.integers(len(content)))
    return start, min(len(content), start + int(2 ** dice.uniform(0, np.log2(LARGEST_BLOCK))))


_WAYS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "bits flipped": _flipped,
    "cut off": _cut,
    "beheaded": _beheaded,
    "a block zeroed": _zeroed,
    "blocks swapped": _swapped,
    "a block removed": _removed,
    "a block repeated": _repeated,
    "bytes of the header changed": _random_head,
    "an extreme number": _extreme_number,
}
