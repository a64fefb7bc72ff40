"""A secret key that is made for a call, and is gone again if that call wrote nothing."""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from mien.anonymization.pseudonyms import create_key
from mien.errors import MienError


@contextmanager
def new_key(path: Path, output: Path) -> Iterator[Path]:
    """Make a key for the block in which a call writes its output, and yield its path.

    If nothing is written there, be it put beside the output since it was rejected, the key is removed when the block
    ends, with what was stored beside it: nobody was drawn by it, and the same command can be given again.
    Raises MienError if there is a file already, or it cannot be written.
    """
    files = [path.with_name(f"{path.name}{suffix}") for suffix in ("", ".people", ".people.lock")]
    files = [file for file in files if not os.path.lexists(file)]  # what was there stays
    try:
        create_key(path)
    except MienError:  # on a full disk, a file without a key is left
        _remove(files)
        raise
    before = _written(output, files)
    try:
        yield path
    finally:
        if _written(output, files) <= before:
            _remove(files)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _written(output: Path, but: Collection[Path]) -> set[tuple[Path, int]]:
    """The files that stand at an output, in it, or beside it under its name, and when each was written."""
    found: set[tuple[Path, int]] = set()
    for beside in output.parent.glob(f"{escape(output.stem)}*"):
        for file in beside.rglob("*") if beside.is_dir() else [beside]:
            with suppress(OSError):
                if file.is_file() and file not in but:
                    found.add((file, file.stat().st_mtime_ns))
    return found
