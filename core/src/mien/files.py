"""Writing files whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.errors import MienError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside the target to write to; it takes the target's place when the block ends without an error.

    The temporary name keeps the target's suffix, since writers choose the format by it. The parent folder is made.
    Raises MienError if the disk is full, or the folder or file may not be written; the target is then as it was.
    """
    partial = path.with_name(f".{path.stem}.partial-{os.getpid()}{path.suffix}")
    try:
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target; it takes the target's place when the block ends without an error.

    A folder that already stands there is replaced. Raises MienError as `whole_file`.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with writing_to(path):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            if path.exists():
                old = path.with_name(f".{path.name}.old-{os.getpid()}")
                os.replace(path, old)
                os.replace(partial, path)
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn what the operating system says of a failed write into a MienError that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(_standing_folder(path)).free
            raise MienError(
                f"The disk is full: {path} was not written ({free / 1e6:.0f} MB free). Nothing else was touched.",
                f"df -h {_standing_folder(path)}",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise MienError(
                f"{path} may not be written: {error.strerror}.", f"ls -ld {_standing_folder(path)}"
            ) from error
        raise


def _standing_folder(path: Path) -> Path:
    return next((folder for folder in path.absolute().parents if folder.exists()), Path("/"))
