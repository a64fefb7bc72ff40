"""Long videos in segments: where they are cut, and what of them is kept when a call is interrupted."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

import numpy as np

from mien.inference.session import Session
from mien.media.animation import AnimationSource
from mien.media.files import parts_folder, whole_file
from mien.media.video_parts import PART_SUFFIX
from mien.media.video_reader import VideoSource

_TO_KEY_FRAME = 0.25
"""A segment may be longer or shorter by this share of its length, to begin at a key frame."""
_SHORTEST_LAST = 0.5
"""What would be a shorter last segment, as a share of the others' length, belongs to the one before."""
_FACTS, _STATE_SUFFIX = "facts.json", ".state"
_SAMPLE_BYTES = 1 << 20
_LIBRARIES = ("mien-core", "torch", "av", "numpy", "opencv-python-headless", "opencv-python")


def is_long(video: VideoSource, seconds: float) -> bool:
    """Whether a video may be several segments, as far as the file says how long it is."""
    return not isinstance(video, AnimationSource) and (video.duration_seconds or 0) >= (1 + _SHORTEST_LAST) * seconds


def segments_of(video: VideoSource, seconds: float) -> list[range]:
    """Which frames each segment of a video holds: one for a video that is shorter than one and a half of them.

    seconds: how long a segment is, about. It begins at the key frame that is nearest to where it should, if one is near
    enough, so that a reading begins there too. An animated image is one segment.
    """
    times = video.frame_times()
    whole = [range(len(times))]
    if isinstance(video, AnimationSource):
        return whole
    since = np.array([float((time - times[0]) * video.time_base) for time in times])
    last_start = float((video.end - times[0]) * video.time_base) - _SHORTEST_LAST * seconds
    if last_start < seconds:
        return whole
    keys = np.array(video.key_frames(), np.int64)
    starts = [0]
    while (wanted := since[starts[-1]] + seconds) <= last_start:
        near = keys[(np.abs(since[keys] - wanted) <= _TO_KEY_FRAME * seconds) & (keys > starts[-1])]
        start = near[np.abs(since[near] - wanted).argmin()] if len(near) else since.searchsorted(wanted)
        if not starts[-1] < start < len(times):
            break
        starts.append(int(start))
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(times)], strict=True)]


def facts_of(video: VideoSource, session: Session, suffix: str, segments: Sequence[range]) -> dict[str, str]:
    """By what segments of two calls are the same: what each depends on, by a name that a user understands.

    suffix: of the output. The source is known by its length, its time and its ends.
    """
    stat = video.path.stat()
    with video.path.open("rb") as file:
        ends = [file.read(_SAMPLE_BYTES)]
        file.seek(max(0, stat.st_size - _SAMPLE_BYTES))
        ends.append(file.read())
    people = session.person_filter
    return {
        "input": _digest(stat.st_size, stat.st_mtime_ns, *ends),
        "part and segments": _digest(video.first_frame, [(one.start, one.stop) for one in segments]),
        "format": suffix.lower(),
        "--quality": str(session.quality),
        "run": _digest(session.run.digest, session.run.record),
        "plugins": _digest(session.provenance.plugins),
        "--to or --reference": _digest(session.provenance.action, *session.generator.facts_of_targets()),
        "--person or --recognizer": _digest(*(people.facts() if people else ())),
        "--device": session.generator.device_type,
        "versions": _digest([(name, _version(name)) for name in _LIBRARIES]),
    }


class KeptSegments:
    """Segments of a video that are drawn, kept in a hidden folder beside its output until all are.

    What an earlier call left there is kept, if it was drawn by the same facts (`facts_of`); otherwise it is removed.
    Raises MienError if the folder cannot be made.
    """

    def __init__(self, output: Path, facts: Mapping[str, str]) -> None:
        self._folder = parts_folder(output)
        self.dropped = ""
        """Why segments were removed; empty if none was."""
        before = self._facts()
        if before != facts:
            if self.done:
                names = [*facts, *(name for name in before if name not in facts)]
                different = [name for name in names if before.get(name) != facts.get(name)]
                self.dropped = f"this call differs in {', '.join(different)}"
            self._begin_anew(facts)

    @property
    def done(self) -> int:
        """How many segments are whole, from the first on."""
        number = 0
        while self._state(number).exists() and self.part(number).exists():
            number += 1
        return number

    def part(self, number: int) -> Path:
        """Where the images of a segment stand, see `PartSink`."""
        return self._folder / f"{number:04}{PART_SUFFIX}"

    def keep(self, number: int, state: bytes) -> None:
        """A segment's part is whole. state: what is known of the video's faces after it.

        Both are on the disk when this returns, whatever happens to the machine.
        """
        with self.part(number).open("rb") as part:
            os.fsync(part.fileno())
        with whole_file(self._state(number)) as partial, partial.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())

    def state_after(self, number: int) -> bytes:
        """What is known of the video's faces after a segment."""
        return self._state(number).read_bytes()

    def drop(self, why: str) -> None:
        """They are of no use, for that reason."""
        self.dropped = why
        self._begin_anew(self._facts())

    def remove(self) -> None:
        """They are not needed any more."""
        rmtree(self._folder, ignore_errors=True)

    def _begin_anew(self, facts: Mapping[str, str]) -> None:
        rmtree(self._folder, ignore_errors=True)
        with whole_file(self._folder / _FACTS) as partial:
            partial.write_text(json.dumps(facts, indent=1), "utf-8")

    def _state(self, number: int) -> Path:
        return self._folder / f"{number:04}{_STATE_SUFFIX}"

    def _facts(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            facts = json.loads((self._folder / _FACTS).read_text("utf-8"))
            return facts if isinstance(facts, dict) else {}
        return {}


def _digest(*things: object) -> str:
    whole = hashlib.sha256()
    for thing in things:
        whole.update(hashlib.sha256(thing if isinstance(thing, bytes) else repr(thing).encode()).digest())
    return whole.hexdigest()[:16]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except ImportError:
        return ""
