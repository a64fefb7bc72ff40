"""Writing files whole or not at all."""

import errno
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from mien.errors import MienError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY}
_TOO_LARGE = {errno.EFBIG, errno.ENAMETOOLONG}
_LONGEST_NAME_BYTES = 255
_REPLACED = "old"
_PARTS, _PRIVATE = "parts", 0o700
_FILE_MODE = 0o666
"""Less what the user's umask takes away."""
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<marks>[a-z.]+)-(?P<node>[0-9a-f]{6})-(?P<pid>[0-9]+)(?:\.[^-]*)?")
_CLOCKS_DIFFER_SECONDS = 2.0


def temporary(path: Path, mark: str) -> Path:
    """A hidden path beside another, with its suffix, that no other process uses; its name is short.

    path: may be such a path itself. mark: what it is for, in a word. `remove_leftovers` knows it by its name.
    """
    above = _TEMPORARY.fullmatch(path.name)
    name = above["name"] if above else _short(path)
    return path.with_name(_hidden(name, f"{above['marks']}.{mark}" if above else mark) + path.suffix)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that have ended, as by `kill -9`, left half written in a folder.

    What a process is still at work on stays, and so does what one of another machine has written, and the folders of
    `parts_folder`. A folder that was to be replaced, and is gone from its place, is put back. Raises nothing.
    """
    with suppress(OSError):
        left = [(path, found) for path in folder.iterdir() if (found := _TEMPORARY.fullmatch(path.name))]
        for path, found in left:
            if found["marks"] == _PARTS or not _is_left(path, found):
                continue
            target = folder / found["name"]
            with suppress(OSError):
                if found["marks"] == _REPLACED and not target.exists():
                    os.replace(path, target)
                elif path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def parts_folder(path: Path) -> Path:
    """A hidden folder beside a path, which only its owner may enter, for the parts of what is to stand there.

    What is in such a folder of a process of this machine that has ended is taken over. Raises MienError if it cannot be
    made.
    """
    name = _short(path)
    folder = path.with_name(_hidden(name, _PARTS))
    with writing_to(path):
        if not folder.exists():
            for left in _parts_left(path.parent, name):
                with suppress(OSError):  # another process was quicker
                    os.replace(left, folder)
                    break
        folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
        folder.chmod(_PRIVATE)
    remove_parts(path, but=folder)
    remove_leftovers(folder)
    return folder


def remove_parts(path: Path, *, but: Path | None = None) -> None:
    """Remove the `parts_folder` of this process, and those of others of this machine that have ended. Raises nothing.

    but: one that stays.
    """
    own = path.with_name(_hidden(_short(path), _PARTS))
    for left in {own, *_parts_left(path.parent, _short(path))} - {but}:
        shutil.rmtree(left, ignore_errors=True)


def _parts_left(parent: Path, name: str) -> list[Path]:
    """Those of one path, the newest first."""
    with suppress(OSError):
        found = [(path, _TEMPORARY.fullmatch(path.name)) for path in parent.glob(f".{name}.{_PARTS}-*")]
        left = [path for path, parsed in found if parsed and _is_left(path, parsed)]
        return sorted(left, key=lambda path: path.stat().st_mtime, reverse=True)
    return []


def _short(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]


def _is_left(path: Path, found: re.Match[str]) -> bool:
    """Whether who wrote it was a process of this machine, and has ended."""
    return found["node"] == _node() and not _is_at_work(int(found["pid"]), path)


def _hidden(name: str, marks: str) -> str:
    return f".{name}.{marks}-{_node()}-{os.getpid()}"


@cache
def _node() -> str:
    """This machine, as others see it on a shared disk."""
    return hashlib.sha256(platform.node().encode("utf-8", "surrogateescape")).hexdigest()[:6]


def _is_at_work(pid: int, path: Path) -> bool:
    """Whether a process is there that may be writing: one that began after the last byte was written has another's
    number."""
    import psutil  # type: ignore[import-untyped]

    try:
        return bool(psutil.Process(pid).create_time() <= path.stat().st_mtime + _CLOCKS_DIFFER_SECONDS)
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):
        return True


def fitting(path: Path, suffix: str = "") -> Path:
    """A path, its name shortened if it is longer than file systems take; the same one always gives the same.

    suffix: the end of the name that stays, of at most some 20 letters; by default its own.
    """
    name, suffix = os.fsencode(path.name), suffix or path.suffix
    if len(name) <= _LONGEST_NAME_BYTES:
        return path
    end = f"~{hashlib.sha256(name).hexdigest()[:8]}{suffix}"
    return path.with_name(name[: _LONGEST_NAME_BYTES - len(end.encode())].decode("utf-8", "ignore") + end)


def write_new(path: Path, data: bytes) -> None:
    """Write a small file that is not there yet: by the system's calls, in two thirds of the time that Python's files
    take. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _FILE_MODE)
    try:
        while data:
            data = data[os.write(file, data) :]
    finally:
        os.close(file)


@contextmanager
def held_alone(folder: Path, otherwise: str) -> Iterator[None]:
    """Hold a folder that is there, so that no other call that asks for it does.

    otherwise: what is said if another one holds it. Raises MienError then.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two calls at once are the user's to avoid
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MienError(otherwise, "Wait for it, or stop it.") from error
        yield
    finally:
        os.close(descriptor)


class NothingCanBeWritten(MienError):
    """The disk is full, or a permission is missing: what failed for one file fails for the others too."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside the target to write to; it takes the target's place when the block ends without an error.

    The temporary name is short, and keeps the target's suffix, since writers choose the format by it. The parent folder
    is made.
    Raises MienError if the disk is full, the folder or file may not be written, or the target is a folder; the target
    is then as it was.
    """
    partial = temporary(path, "partial")
    try:
        with writing_to(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    finally:
        with suppress(OSError):  # what the user has to hear is why it was not written
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target; it takes the target's place when the block ends without an error.

    A folder that already stands there is replaced. What a process that has ended left half written beside it is
    removed. Raises MienError as `whole_file`, and if the target is a file.
    """
    remove_leftovers(path.parent)
    partial = path.with_name(_hidden(path.name, "partial"))
    try:
        with writing_to(path):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            if path.exists():
                old = path.with_name(_hidden(path.name, _REPLACED))
                _exchange(path, partial, old)
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def whole_entries(folder: Path) -> Iterator[Path]:
    """Yield an empty folder within a folder; what is in it takes its place there when the block ends without an error.

    What stands there under the same names is replaced; what has other names stays. The folder is made, and is gone
    again if nothing was written. What a process that has ended left half written in it is removed.
    Raises MienError as `whole_file`, and if a file stands where a folder is to be, or the reverse.
    """
    named, folder = folder, Path(os.path.abspath(folder))
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    partial = folder / _hidden("entries", "partial")
    try:
        with _named_as(named, partial, _standing(folder)), writing_to(partial):
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            yield partial
            entries = sorted(partial.iterdir())
            for entry in entries:
                _check_alike(entry, folder / entry.name)
            for entry in entries:
                _put(entry, folder / entry.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            for path in made:
                path.rmdir()


def check_folder(folder: Path) -> None:
    """See, before there is anything to write, whether a folder can be written to, or made.

    Raises MienError if it cannot, since a file stands there or on the way, a permission is missing or the disk is full.
    """
    absolute = Path(os.path.abspath(folder))
    standing = _standing(absolute)
    if not standing.is_dir():
        raise MienError(f"{standing} is a file, not a folder to write to.", "Write to another folder.")
    probe = standing / _hidden("entries", "probe")
    try:
        with _named_as(folder, probe, standing), writing_to(probe):
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT, _FILE_MODE))
    except OSError as error:  # of a file system of the system's own, as /proc
        raise MienError(f"{folder} cannot be written: {error.strerror}.", f"ls -ld {standing}") from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def check_file(path: Path) -> None:
    """The same of a file, which may be there: whether one can be written beside it."""
    if path.is_dir():
        raise MienError(f"{path} is a folder, not a file to write.", f"Write to a file in it: {path / 'NAME'}")
    check_folder(path.parent)


@contextmanager
def _named_as(target: Path, partial: Path, standing: Path) -> Iterator[None]:
    """Errors about what is half written name what was to be, and what to do about it names a folder that stays."""
    try:
        yield
    except MienError as error:
        error.message = error.message.replace(str(partial), str(target))
        if standing != partial.parent and (at := error.fix.find(str(partial.parent))) > 0:
            error.fix = f"{error.fix[:at]}{standing}"
        raise


def _standing(path: Path) -> Path:
    """The path itself, or the nearest one above that is there."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))


def _check_alike(entry: Path, target: Path) -> None:
    if target.exists() and entry.is_dir() != target.is_dir():
        number = errno.ENOTDIR if entry.is_dir() else errno.EISDIR
        raise OSError(number, os.strerror(number), str(target))


def _put(entry: Path, target: Path) -> None:
    """Move what is written to its place."""
    if entry.is_dir() and target.exists():
        old = target.with_name(_hidden(target.name, _REPLACED))
        _exchange(target, entry, old)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(entry, target)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn what the operating system says of a failed write into a MienError that names the path.

    An error about a file elsewhere, as one that is read meanwhile, passes as it is.
    """
    try:
        yield
    except OSError as error:
        if not _concerns(path, error):
            raise
        folder = _standing_folder(path)
        if error.errno in _FULL:
            free = shutil.disk_usage(folder).free
            raise NothingCanBeWritten(
                f"The disk is full: {path} was not written ({free / 1e6:.0f} MB free). Nothing else was touched.",
                f"df -h {folder}",
            ) from error
        if error.errno in _FORBIDDEN:
            raise NothingCanBeWritten(f"{path} may not be written: {error.strerror}.", f"ls -ld {folder}") from error
        if error.errno in _IN_THE_WAY | _TOO_LARGE:
            told = error.filename2 or error.filename
            what = f"{error.strerror}: {told}" if told and told != str(path) else error.strerror
            raise MienError(f"{path} cannot be written: {what}.", f"ls -ld {folder}") from error
        raise


def _exchange(path: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of the folder `path`, which then stands at `old`."""
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise


def _concerns(path: Path, error: OSError) -> bool:
    """Whether the error names no file, or one in the target's folder or on the way there."""
    if not isinstance(error.filename, str | bytes):
        return True
    folder, named = os.path.abspath(path.parent), os.path.abspath(os.fsdecode(error.filename))
    return os.path.commonpath([folder, named]) in (folder, named)


def _standing_folder(path: Path) -> Path:
    return next((folder for folder in path.absolute().parents if os.path.isdir(folder)), Path("/"))
