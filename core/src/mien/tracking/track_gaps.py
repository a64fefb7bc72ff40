"""In which frames of a video a face is missing that is there before and after them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mien.contracts.face import Box
from mien.geometry.boxes import box_distance, growth, longer_side
from mien.tracking.tracker import TrackedFace

MEMORY_FRAMES = 300
"""Whoever comes back after more frames counts as somebody new."""
MAX_DISTANCE = 2.0
"""A face that comes back under another track number is the one that was lost nearest to it, less than this many times
its size away."""
MAX_GROWTH = 2.0
"""Meanwhile it grew or shrank less than this."""


@dataclass(frozen=True, slots=True)
class _Detection:
    box: Box
    frame: int


class TrackGaps:
    """Takes the faces of one frame after the other, and keeps where one is missing.

    A track ends when its face is lost for long, and the face comes back as another track: then its place and its size
    tell. This rather takes two people for one than it overlooks that a face was lost.
    """

    def __init__(self) -> None:
        self._last: dict[int, _Detection] = {}
        self._frames: set[int] = set()
        self.rejoined: dict[int, int] = {}
        """Track → the earlier track that it was taken for, of those that came back under another number."""

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames up to now in which at least one such face is missing, ascending."""
        return sorted(self._frames)

    def add(self, frame: int, faces: Sequence[TrackedFace]) -> None:
        """The faces of a frame, interpolated ones too; frame: its number, which has to grow."""
        self._last = {track: last for track, last in self._last.items() if frame - last.frame <= MEMORY_FRAMES}
        here = {face.track for face in faces}
        for face in faces:
            before = self._last.pop(face.track, None) or self._lost_near(face, here)
            if before is not None:
                self._frames.update(range(before.frame + 1, frame))
            self._last[face.track] = _Detection(face.box, frame)

    def _lost_near(self, face: TrackedFace, here: set[int]) -> _Detection | None:
        """The last detection of the lost face that this one may be; it is taken once."""
        near: list[tuple[float, int]] = []
        for track, last in self._last.items():
            distance = box_distance(last.box, face.box) / max(longer_side(last.box), longer_side(face.box))
            if track not in here and distance < MAX_DISTANCE and growth(last.box, face.box) < MAX_GROWTH:
                near.append((distance, track))
        if not near:
            return None
        self.rejoined[face.track] = min(near)[1]
        return self._last.pop(min(near)[1])
