"""How a source is named in the index of a dataset, and where it lies."""

import re
from pathlib import Path

_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")


def printable(text: str) -> str:
    """The same text, with each byte of a file name that is not UTF-8 as `\\udcXX`: the index holds UTF-8 alone."""
    return text.encode("utf-8", "backslashreplace").decode()


def source_path(raw: Path, name: str) -> Path:
    """Where a source lies. raw: what relative names are relative to. name: as in the index."""
    path = raw / name
    if _BYTE.search(name) and not path.exists():
        return raw / _BYTE.sub(lambda byte: chr(0xDC00 + int(byte[1], 16)), name)
    return path
