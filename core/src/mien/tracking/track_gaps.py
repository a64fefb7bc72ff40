"""In which frames of a video a face is missing that is there before and after them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mien.contracts.face import Landmarks
from mien.tracking.tracker import TrackedFace, face_size, mean_distance

MEMORY_FRAMES = 300
"""Whoever comes back after more frames counts as somebody new."""
MAX_DISTANCE = 2.0
"""A face that comes back under another track number is the one that was lost nearest to it, less than so many times its
size away."""
MAX_GROWTH = 2.0
"""Meanwhile it grew or shrank less than this."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    landmarks: Landmarks
    frame: int


class TrackGaps:
    """Notes the faces of one frame after the other.

    A track ends when its face is lost for long, and the face comes back as another track: then its place and its size
    tell. This rather takes two people for one than it overlooks that a face was lost.
    """

    def __init__(self) -> None:
        self._last: dict[int, _Sighting] = {}
        self._frames: set[int] = set()
        self.returned: dict[int, int] = {}
        """Track → the earlier track that it was taken for, of those that came back under another number."""

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames up to now in which at least one such face is missing, ascending."""
        return sorted(self._frames)

    def note(self, frame: int, faces: Sequence[TrackedFace]) -> None:
        """The faces of a frame, bridged ones too; frame: its number, which has to grow."""
        self._last = {track: last for track, last in self._last.items() if frame - last.frame <= MEMORY_FRAMES}
        here = {face.track for face in faces}
        for face in faces:
            before = self._last.pop(face.track, None) or self._lost_near(face, here)
            if before is not None:
                self._frames.update(range(before.frame + 1, frame))
            self._last[face.track] = _Sighting(face.landmarks, frame)

    def _lost_near(self, face: TrackedFace, here: set[int]) -> _Sighting | None:
        """What was last seen of the face that this one may be; it is not found a second time."""
        size = face_size(face.landmarks)
        near: list[tuple[float, int]] = []
        for track, last in self._last.items():
            was = face_size(last.landmarks)
            distance = mean_distance(last.landmarks, face.landmarks) / max(size, was)
            if track not in here and distance < MAX_DISTANCE and max(size / was, was / size) < MAX_GROWTH:
                near.append((distance, track))
        if not near:
            return None
        self.returned[face.track] = min(near)[1]
        return self._last.pop(min(near)[1])
