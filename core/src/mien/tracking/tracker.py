"""Faces followed over the frames of a video: held steady, and not lost when the extractor misses them for a moment."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Face, Landmarks, RgbImage
from mien.geometry.alignment import AlignmentConfig, similarity_to_crop, warp
from mien.media.video_reader import Frame

MAX_GAP_FRAMES = 5
"""A face that is missing in so many frames at most, and found before and after them, is bridged."""
WINDOW_FRAMES = 2
"""So many frames before and after a frame help to steady it."""
LOOK_AHEAD_FRAMES = MAX_GAP_FRAMES + WINDOW_FRAMES
"""So many frames come in before the first goes out."""
MEMORY_FRAMES = 30
"""A track is trusted by what was seen of it in so many frames:"""
LEAST_SEEN = 0.5
"""only if the extractor found it in this share of them at least is it bridged. What dlib takes for a face in letters or
leaves, it finds now and then."""
JITTER = 0.01
"""Landmarks of a still face wander by about this share of the face's size from frame to frame: 0.003 to 0.005 is usual
with dlib's, 0.01 in one frame of ten."""
MAX_STEP = 0.5
"""A face moves less than this share of its size from one frame to the next; over a gap, less than twice that."""
MAX_GROWTH = 1.5
"""From one sighting to the next a face grows or shrinks less than this."""
_GLANCE = AlignmentConfig(size=16)
_MAX_CHANGE = 40.0
"""Mean difference, of 255, from which on a glance at the face's place shows something else: a cut, or a hand."""


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face of a frame, followed."""

    track: int
    """The same number in every frame in which it is the same face."""
    landmarks: Landmarks
    """float32 (68, 2) in image pixels: as found, or interpolated if bridged."""
    steady: Landmarks
    """float32 (68, 2): the same, averaged over neighbouring frames. For the alignment only: the landmarks themselves
    tell the expression."""
    interpolated: bool = False
    """Whether the extractor missed it in this frame."""


@dataclass(slots=True)
class _Spot:
    landmarks: Landmarks
    interpolated: bool = False


@dataclass(slots=True)
class _Track:
    landmarks: Landmarks
    """Where it was seen last."""
    seen: deque[int]
    """When it was seen, in positions, the last of them within `MEMORY_FRAMES`."""

    def see(self, landmarks: Landmarks, position: int) -> None:
        self.landmarks = landmarks
        self.seen.append(position)
        while self.seen[0] <= position - MEMORY_FRAMES:
            self.seen.popleft()

    @property
    def share_seen(self) -> float:
        return len(self.seen) / (self.seen[-1] - self.seen[0] + 1)


@dataclass(slots=True)
class _Entry:
    frame: Frame
    spots: dict[int, _Spot] = field(default_factory=dict)


def untracked(faces: Sequence[Face]) -> list[TrackedFace]:
    """The faces of a single image."""
    return [TrackedFace(number, face.landmarks, face.landmarks) for number, face in enumerate(faces)]


def follow(found: Iterable[tuple[Frame, Sequence[Face]]]) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Follow the faces of successive frames; each frame comes out once `LOOK_AHEAD_FRAMES` more have come in.

    - A face belongs to the track whose last landmarks are nearest, if it can have come from there (`MAX_STEP`,
      `MAX_GROWTH`). Otherwise it begins a new one.
    - Frames between two sightings of a track, at most `MAX_GAP_FRAMES`, get the face too, with landmarks interpolated
      in time. Not so if something else is seen at its place (then there was a cut, or the face is covered), and not if
      the track is doubtful (`LEAST_SEEN`).
    - Landmarks are steadied by a mean over up to `WINDOW_FRAMES` frames before and as many after; always in pairs of
      equal distance, so that a steady motion is not delayed. The weight of a pair falls with its distance in time, and
      with how far the landmarks moved compared with `JITTER`, so that a fast motion is hardly averaged.
    """
    window: deque[_Entry] = deque()
    tracks: dict[int, _Track] = {}
    begun = 0
    waiting = 0
    for position, (frame, faces) in enumerate(found):
        tracks = {number: track for number, track in tracks.items() if position - track.seen[-1] <= MAX_GAP_FRAMES + 1}
        window.append(_Entry(frame))
        for face, number in _matched(faces, tracks, position):
            if number is None:
                number, begun = begun, begun + 1
                tracks[number] = _Track(face.landmarks, deque())
            ago = position - tracks[number].seen[-1] if tracks[number].seen else 0
            tracks[number].see(face.landmarks, position)
            window[-1].spots[number] = _Spot(face.landmarks)
            if ago > 1 and tracks[number].share_seen >= LEAST_SEEN:
                _bridge(window, number, ago)
        waiting += 1
        if waiting > LOOK_AHEAD_FRAMES:
            yield _steadied(window, len(window) - waiting)
            waiting -= 1
        while len(window) > waiting + WINDOW_FRAMES:
            window.popleft()
    for left in range(waiting, 0, -1):
        yield _steadied(window, len(window) - left)


def _matched(faces: Sequence[Face], tracks: dict[int, _Track], position: int) -> list[tuple[Face, int | None]]:
    """Each face with the number of its track, nearest pairs first; None for a new face."""
    pairs: list[tuple[float, int, int]] = []
    for number, face in enumerate(faces):
        for track, last in tracks.items():
            size, was = face_size(face.landmarks), face_size(last.landmarks)
            step = mean_distance(last.landmarks, face.landmarks) / max(size, was)
            if step < MAX_STEP * min(position - last.seen[-1], 2) and max(size / was, was / size) < MAX_GROWTH:
                pairs.append((step, number, track))
    track_of: dict[int, int] = {}
    for _, number, track in sorted(pairs):
        if number not in track_of and track not in track_of.values():
            track_of[number] = track
    return [(face, track_of.get(number)) for number, face in enumerate(faces)]


def _bridge(window: deque[_Entry], track: int, frames_ago: int) -> None:
    """Fill the frames between the newest entry and the track's sighting before."""
    before, after = window[-1 - frames_ago], window[-1]
    start, end = before.spots[track].landmarks, after.spots[track].landmarks
    between = {ago: _between(end, start, ago / frames_ago) for ago in range(1, frames_ago)}
    signatures = [_glance(entry.frame.image, spot) for entry, spot in ((before, start), (after, end))]
    for ago, landmarks in between.items():
        seen = _glance(window[-1 - ago].frame.image, landmarks)
        if min(float(np.abs(seen - frame_signature).mean()) for frame_signature in signatures) > _MAX_CHANGE:
            return
    for ago, landmarks in between.items():
        window[-1 - ago].spots[track] = _Spot(landmarks, interpolated=True)


def _steadied(window: deque[_Entry], at: int) -> tuple[Frame, list[TrackedFace]]:
    entry = window[at]
    faces = [
        TrackedFace(track, spot.landmarks, _steady(window, at, track), spot.interpolated)
        for track, spot in sorted(entry.spots.items())
    ]
    return entry.frame, faces


def _steady(window: deque[_Entry], at: int, track: int) -> Landmarks:
    here = window[at].spots[track].landmarks
    size = face_size(here)
    total, weights = here.astype(np.float64), 1.0
    for distance in range(1, WINDOW_FRAMES + 1):
        if at - distance < 0 or at + distance >= len(window):
            break
        earlier, later = window[at - distance].spots.get(track), window[at + distance].spots.get(track)
        if earlier is None or later is None:
            break
        moved = max(mean_distance(here, spot.landmarks) for spot in (earlier, later)) / size
        weight = float(np.exp(-((distance / WINDOW_FRAMES) ** 2) / 2 - (moved / JITTER) ** 2 / 2))
        total += weight * (earlier.landmarks.astype(np.float64) + later.landmarks)
        weights += 2 * weight
    return (total / weights).astype(np.float32)


def _between(start: Landmarks, end: Landmarks, share: float) -> Landmarks:
    return ((1 - share) * start + share * end).astype(np.float32)


def mean_distance(one: Landmarks, other: Landmarks) -> float:
    """Mean distance of the points, in pixels."""
    return float(np.linalg.norm(one - other, axis=1).mean())


def face_size(landmarks: Landmarks) -> float:
    """The longer side of the landmarks' bounding box, in pixels."""
    return max(float(np.ptp(landmarks, axis=0).max()), 1.0)


def _glance(image: RgbImage, landmarks: Landmarks) -> NDArray[np.float32]:
    """A face's place at a few gray pixels, float32 in [0, 255]."""
    crop = warp(image, similarity_to_crop(landmarks, _GLANCE), (_GLANCE.size, _GLANCE.size))
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
