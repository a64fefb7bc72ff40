"""What of a long video an interrupted call leaves for the next one: pieces that are whole, by what they depend on."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

from mien.errors import MienError
from mien.media.files import remove_leftovers, whole_file, writing_to
from mien.media.video_reader import VideoSource

_FACTS, _STATE_SUFFIX = "facts.json", ".state"
_SAMPLE_BYTES = 1 << 20
_LIBRARIES = ("mien-core", "torch", "av", "numpy", "opencv-python-headless", "opencv-python")


class KeptWork:
    """Pieces of work, each a file of a folder that only its owner may enter, kept until all is done.

    folder: that of `parts_folder`, or one in it. facts: by what pieces of two calls are the same, by names that a user
    understands. What an earlier call left there is kept, if it was made by the same facts; otherwise it is removed.
    Raises MienError if nothing can be written there.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self.folder, self._made_by = folder, dict(facts)
        self.dropped = ""
        """Why pieces were removed; empty if none was."""
        before = self._facts()
        if before != facts:
            if any(folder.rglob(f"*{_STATE_SUFFIX}")):
                names = [*facts, *(name for name in before if name not in facts)]
                different = [name for name in names if before.get(name) != facts.get(name)]
                self.dropped = f"this call differs in {', '.join(different)}"
            self._begin_anew()
        remove_leftovers(folder)

    def is_whole(self, piece: Path) -> bool:
        """Whether a file of the folder was kept."""
        return piece.exists() and _state_of(piece).exists()

    def keep(self, piece: Path, state: bytes = b"") -> None:
        """A file of the folder is whole. state: what is known after it.

        Both are on the disk when this returns, whatever happens to the machine.
        """
        with piece.open("rb") as file:
            os.fsync(file.fileno())
        with whole_file(_state_of(piece)) as partial, partial.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())

    def state_after(self, piece: Path) -> bytes:
        """What is known after a file that was kept."""
        return _state_of(piece).read_bytes()

    def drop(self, why: str) -> None:
        """All pieces are of no use, for that reason."""
        self.dropped = why
        self._begin_anew()

    def remove(self) -> None:
        """They are not needed any more."""
        rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def named(self, output: Path) -> Iterator[None]:
        """An error about a file of the folder names the output that it is for."""
        try:
            yield
        except MienError as error:
            piece = re.escape(f"{self.folder}{os.sep}") + r"[\w./\\-]*\w"
            error.message = re.sub(piece, lambda _: str(output), error.message)
            error.fix = error.fix.replace(str(self.folder), str(output.parent))
            raise

    def _begin_anew(self) -> None:
        rmtree(self.folder, ignore_errors=True)
        with writing_to(self.folder):
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
        with whole_file(self.folder / _FACTS) as partial:
            partial.write_text(json.dumps(self._made_by, indent=1), "utf-8")

    def _facts(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            facts = json.loads((self.folder / _FACTS).read_text("utf-8"))
            return facts if isinstance(facts, dict) else {}
        return {}


def facts_of_source(video: VideoSource, segments: Sequence[range]) -> dict[str, str]:
    """Facts of a video and of its segments. It is known by its length, its time and its ends."""
    stat = video.path.stat()
    with video.path.open("rb") as file:
        ends = [file.read(_SAMPLE_BYTES)]
        file.seek(max(0, stat.st_size - _SAMPLE_BYTES))
        ends.append(file.read())
    return {
        "input": digest(stat.st_size, stat.st_mtime_ns, *ends),
        "part and segments": digest(video.first_frame, [(one.start, one.stop) for one in segments]),
    }


def facts_of_versions() -> dict[str, str]:
    """Facts of what is installed beside the plugins."""
    return {"versions": digest([(name, _version(name)) for name in _LIBRARIES])}


def digest(*things: object) -> str:
    """What tells things apart: bytes by what they are, others by their `repr`."""
    whole = hashlib.sha256()
    for thing in things:
        whole.update(hashlib.sha256(thing if isinstance(thing, bytes) else repr(thing).encode()).digest())
    return whole.hexdigest()[:16]


def _state_of(piece: Path) -> Path:
    return piece.with_name(piece.name + _STATE_SUFFIX)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except ImportError:
        return ""
