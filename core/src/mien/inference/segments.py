"""Long videos in segments: where they are cut, and what of them is kept when a call is interrupted."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from mien.inference.kept_work import KeptWork, digest, facts_of_source, facts_of_versions
from mien.inference.session import Session
from mien.media.animation import AnimationSource
from mien.media.files import parts_folder
from mien.media.video_parts import PART_SUFFIX
from mien.media.video_reader import VideoSource

_TO_KEY_FRAME = 0.25
"""A segment may be longer or shorter by this share of its length, to begin at a key frame."""
_SHORTEST_LAST = 0.5
"""What would be a shorter last segment, as a share of the others' length, belongs to the one before."""


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

    suffix: of the output.
    """
    people = session.person_filter
    return {
        **facts_of_source(video, segments),
        "format": suffix.lower(),
        "--quality": str(session.quality),
        "--encoder": session.encoder or "",
        "run": digest(session.run.digest, session.run.record),
        "plugins": digest(session.provenance.plugins),
        "--to or --reference": digest(session.provenance.action, *session.generator.facts_of_targets()),
        "--person or --recognizer": digest(*(people.facts() if people else ())),
        "--device": session.generator.device_type,
        **facts_of_versions(),
    }


class KeptSegments(KeptWork):
    """Segments of a video that are drawn, kept in a hidden folder beside its output until all are.

    What an earlier call left there is kept, if it was drawn by the same facts (`facts_of`); otherwise it is removed.
    Raises MienError if the folder cannot be made.
    """

    def __init__(self, output: Path, facts: Mapping[str, str]) -> None:
        super().__init__(parts_folder(output), facts)

    @property
    def done(self) -> int:
        """How many segments are whole, from the first on; after each, it is known what there is of faces."""
        return next(number for number in count() if not self.is_whole(self.part(number)))

    def part(self, number: int) -> Path:
        """Where the images of a segment stand, see `PartSink`."""
        return self.folder / f"{number:04}{PART_SUFFIX}"
