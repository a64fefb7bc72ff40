"""Faces followed over the frames of a video: held steady, and not lost when the extractor misses them for a moment."""

import math
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import SURELY_A_FACE, Affine, Box, Face, Landmarks, RgbImage
from mien.geometry.affine import transform_points, warp
from mien.geometry.boxes import box_distance, box_of, center, growth, longer_side, united, upright, weighted_mean
from mien.media.video_reader import Frame

MAX_GAP_FRAMES = 5
"""A face that is missing in at most this many frames, and found before and after them, is interpolated."""
WINDOW_FRAMES = 2
"""This many frames before and after a frame help to steady it."""
LOOK_AHEAD_FRAMES = MAX_GAP_FRAMES + WINDOW_FRAMES
"""This many frames come in before the first goes out."""
MEMORY_FRAMES = 30
"""A track is trusted by its detections in this many frames:"""
MIN_SHARE_FOUND = 0.5
"""it is interpolated only if the extractor found it in at least this share of them. What dlib takes for a face in
letters or leaves, it finds now and then."""
JITTER = 0.01
"""Landmarks of a still face wander by about this share of the face's size from frame to frame: 0.003 to 0.005 is usual
with dlib's, 0.01 in one frame of ten."""
BOX_JITTER = 0.03
"""The same for boxes, and for points that come with them: 0.02 is usual with dlib's, which lie on a grid."""
PART_JITTER = 0.003
"""The same for a part of a face that is held steady alone. A lid that closes moves by seven times that."""
_PARTS = (0, 17, 22, 27, 36, 42, 48)
"""With which landmarks jaw, brows, nose, eyes and mouth begin, which move one without the other."""
MAX_STEP = 0.5
"""A face moves less than this share of its size from one frame to the next; over a gap, less than twice that."""
MAX_GROWTH = 1.5
"""From one detection to the next a face grows or shrinks less than this."""
KEPT = -1
"""The method of a face that stays as it is, since somebody said so."""
_PATCH_PX = 16
_MAX_CHANGE = 40.0
"""Mean difference, of 255, from which on a patch at the face's place shows something else: a cut, or a hand."""


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face of a frame, followed over the video. What is steady is averaged over neighboring frames as a whole: it
    serves the alignment. The landmarks tell the expression: there, each part is averaged while it rests itself."""

    track: int
    """The same number in every frame in which it is the same face."""
    box: Box
    """As found, or interpolated."""
    steady_box: Box
    landmarks: Landmarks | None
    """float32 (68, 2) in image pixels, as found or interpolated; of a video, each part is held steady as long as it
    rests. None: not known."""
    steady: Landmarks | None
    """float32 (68, 2): the landmarks held steady; None: not known."""
    score: float
    """See `Face.score`; of an interpolated face the lower one of those around it."""
    points: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """See `Face.points`."""
    steady_points: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    interpolated: bool = False
    """Whether the extractor missed the face, or its landmarks, in this frame."""
    sure: bool = True
    """Whether it is surely a face in this frame or another of its track (`SURELY_A_FACE`), as far as frames were in."""
    method: int = 0
    """Where several methods of anonymizing stand side by side, or several people to be drawn as, the number of its own;
    `KEPT`: none."""

    @property
    def extent(self) -> Box:
        """The smallest box around the box and the landmarks."""
        return _extent(self.box, self.landmarks)

    def moved(self, matrix: Affine) -> "TrackedFace":
        """The same face in an image that is transformed so."""

        def points(of: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
            return {name: transform_points(matrix, its) for name, its in of.items()}

        return replace(
            self,
            box=box_of(transform_points(matrix, self.box.corners)),
            steady_box=box_of(transform_points(matrix, self.steady_box.corners)),
            landmarks=None if self.landmarks is None else transform_points(matrix, self.landmarks),
            steady=None if self.steady is None else transform_points(matrix, self.steady),
            points=points(self.points),
            steady_points=points(self.steady_points),
        )

    def as_found(self) -> Face:
        """The face of this frame."""
        return Face(self.box, self.landmarks, self.score, self.points)

    def held_steady(self) -> Face:
        """The same face, held steady: what it is aligned by."""
        return Face(self.steady_box, self.steady, self.score, self.steady_points)


@dataclass(slots=True)
class _Detection:
    face: Face
    interpolated: bool = False


@dataclass(slots=True)
class _Track:
    box: Box
    """Where it was found last."""
    found: deque[int]
    """When it was found, in positions, the last of them within `MEMORY_FRAMES`."""

    def add(self, box: Box, position: int) -> None:
        self.box = box
        self.found.append(position)
        while self.found[0] <= position - MEMORY_FRAMES:
            self.found.popleft()

    @property
    def share_found(self) -> float:
        return len(self.found) / (self.found[-1] - self.found[0] + 1)


@dataclass(slots=True)
class _Entry:
    frame: Frame
    detections: dict[int, _Detection] = field(default_factory=dict)
    """By the number of the track."""


def untracked(faces: Sequence[Face]) -> list[TrackedFace]:
    """The faces of a single image."""
    return [
        TrackedFace(
            track=number,
            box=face.box,
            steady_box=face.box,
            landmarks=face.landmarks,
            steady=face.landmarks,
            score=face.score,
            points=face.points,
            steady_points=face.points,
            sure=face.score >= SURELY_A_FACE,
        )
        for number, face in enumerate(faces)
    ]


def follow(
    found: Iterable[tuple[Frame, Sequence[Face]]], *, apart: bool = False
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Follow the faces of successive frames, as a `Tracker` does; each frame comes out once `LOOK_AHEAD_FRAMES` more
    are in."""
    tracker = Tracker(apart=apart)
    for frame, faces in found:
        yield from tracker.add(frame, faces)
    yield from tracker.rest()


class Tracker:
    """Follows the faces of successive frames by their boxes.

    - A face belongs to the track whose last box is nearest, if it can have come from there (`MAX_STEP`, `MAX_GROWTH`).
      Otherwise it begins a new one.
    - Frames between two detections of a track, at most `MAX_GAP_FRAMES`, get the face too, interpolated in time. Not so
      if something else is seen at its place (then there was a cut, or the face is covered), and not if the track is
      doubtful (`MIN_SHARE_FOUND`). Landmarks that are missing between two frames that have them are interpolated in the
      same way.
    - Boxes, landmarks and points are steadied by a mean over up to `WINDOW_FRAMES` frames before and as many after;
      always in pairs of equal distance, so that a steady motion is not delayed. The weight of a pair falls with its
      distance in time, and with how far the face is from the middle between the two, compared with `JITTER` or
      `BOX_JITTER`: what turns or halts is hardly averaged. So are the landmarks that tell the expression, each part of
      the face by its own motion compared with `PART_JITTER`: a blink stays a blink while the head rests.

    apart: whether frames are images of their own, as pages are: then nobody is followed from one to the next.

    It can be pickled between two frames.
    """

    def __init__(self, *, apart: bool = False) -> None:
        self._apart = apart
        self._window: deque[_Entry] = deque()
        self._tracks: dict[int, _Track] = {}
        self._sure: set[int] = set()
        self._begun = 0
        self._waiting = 0
        self.frames_in = 0
        """How many frames have come in."""

    def add(self, frame: Frame, faces: Sequence[Face]) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """The next frame comes in, and one goes out if `LOOK_AHEAD_FRAMES` came in after it."""
        window, position = self._window, self.frames_in
        self.frames_in += 1
        self._tracks = tracks = {
            number: track
            for number, track in self._tracks.items()
            if position - track.found[-1] <= MAX_GAP_FRAMES + 1 and not self._apart
        }
        window.append(_Entry(frame))
        for face, number in _matched(faces, tracks, position):
            if number is None:
                number, self._begun = self._begun, self._begun + 1
                tracks[number] = _Track(face.box, deque())
            ago = position - tracks[number].found[-1] if tracks[number].found else 0
            tracks[number].add(face.box, position)
            if face.score >= SURELY_A_FACE:
                self._sure.add(number)
            window[-1].detections[number] = _Detection(face)
            if ago > 1 and tracks[number].share_found >= MIN_SHARE_FOUND:
                _interpolate_faces(window, number, ago)
            if face.landmarks is not None:
                _interpolate_landmarks(window, number)
        self._waiting += 1
        ready = []
        if self._waiting > LOOK_AHEAD_FRAMES:
            ready.append(_steadied(window, len(window) - self._waiting, self._sure))
            self._waiting -= 1
        while len(window) > self._waiting + WINDOW_FRAMES:
            window.popleft()
        return iter(ready)

    def rest(self) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """No frame comes any more: those that are still in go out."""
        while self._waiting:
            self._waiting -= 1
            yield _steadied(self._window, len(self._window) - self._waiting - 1, self._sure)


def _matched(faces: Sequence[Face], tracks: dict[int, _Track], position: int) -> list[tuple[Face, int | None]]:
    """Each face with the number of its track, nearest pairs first; None for a new face."""
    pairs: list[tuple[float, int, int]] = []
    for number, face in enumerate(faces):
        for track, last in tracks.items():
            # Of a face on its side, one frame's box may lie on its side, too, and the next one's not.
            moved_px = box_distance(upright(last.box), upright(face.box))
            step = moved_px / max(longer_side(last.box), longer_side(face.box))
            if step < MAX_STEP * min(position - last.found[-1], 2) and growth(last.box, face.box) < MAX_GROWTH:
                pairs.append((step, number, track))
    track_of: dict[int, int] = {}
    for _, number, track in sorted(pairs):
        if number not in track_of and track not in track_of.values():
            track_of[number] = track
    return [(face, track_of.get(number)) for number, face in enumerate(faces)]


def _interpolate_faces(window: deque[_Entry], track: int, frames_ago: int) -> None:
    """Fill the frames between the newest entry and the track's detection before it."""
    before, after = window[-1 - frames_ago], window[-1]
    start, end = before.detections[track].face, after.detections[track].face
    between = {ago: _between(end, start, ago / frames_ago) for ago in range(1, frames_ago)}
    ends = [_patch(entry.frame.image, face.box) for entry, face in ((before, start), (after, end))]
    for ago, face in between.items():
        here = _patch(window[-1 - ago].frame.image, face.box)
        if min(float(np.abs(here - patch).mean()) for patch in ends) > _MAX_CHANGE:
            return
    for ago, face in between.items():
        window[-1 - ago].detections[track] = _Detection(face, interpolated=True)


def _interpolate_landmarks(window: deque[_Entry], track: int) -> None:
    """Fill in the landmarks of detections without them, between the newest entry and the one before that has them."""
    lacking: list[int] = []
    for ago in range(1, min(MAX_GAP_FRAMES + 2, len(window))):
        detection = window[-1 - ago].detections.get(track)
        if detection is None:
            return
        if detection.face.landmarks is not None:
            break
        lacking.append(ago)
    else:
        return
    start, end = detection.face.landmarks, window[-1].detections[track].face.landmarks
    if end is None:
        return
    for position in lacking:
        lacks = window[-1 - position].detections[track].face
        landmarks = _blended(end, start, position / ago)
        window[-1 - position].detections[track] = _Detection(replace(lacks, landmarks=landmarks), interpolated=True)


def _steadied(window: deque[_Entry], at: int, sure: Collection[int]) -> tuple[Frame, list[TrackedFace]]:
    entry = window[at]
    faces = [
        _tracked(window, at, track, detection, track in sure) for track, detection in sorted(entry.detections.items())
    ]
    return entry.frame, faces


def _tracked(window: deque[_Entry], at: int, track: int, detection: _Detection, sure: bool) -> TrackedFace:
    face = detection.face
    pairs = list(_pairs_around(window, at, track))
    landmarks = steady = None
    if face.landmarks is not None:
        around = [(one.landmarks, other.landmarks) for one, other in pairs]
        steady = _steady_points(face.landmarks, around, JITTER * face_size(face.landmarks))
        landmarks = _steady_points(face.landmarks, around, PART_JITTER * face_size(face.landmarks), _PARTS)
    return TrackedFace(
        track=track,
        box=face.box,
        steady_box=_steady_box(face.box, [(one.box, other.box) for one, other in pairs]),
        landmarks=landmarks,
        steady=steady,
        score=face.score,
        points=face.points,
        steady_points={
            name: _steady_points(
                points,
                [(one.points.get(name), other.points.get(name)) for one, other in pairs],
                BOX_JITTER * longer_side(face.box),
            )
            for name, points in face.points.items()
        },
        interpolated=detection.interpolated,
        sure=sure,
    )


def _pairs_around(window: deque[_Entry], at: int, track: int) -> Iterator[tuple[Face, Face]]:
    """The same face as many frames before as after: 1, 2, …, as far as it is there in both."""
    for distance in range(1, WINDOW_FRAMES + 1):
        if at - distance < 0 or at + distance >= len(window):
            return
        earlier, later = (window[index].detections.get(track) for index in (at - distance, at + distance))
        if earlier is None or later is None:
            return
        yield earlier.face, later.face


def _steady_box(here: Box, pairs: Sequence[tuple[Box, Box]]) -> Box:
    total = [(1.0, here)]
    for distance, pair in enumerate(pairs, 1):
        moved = box_distance(here, weighted_mean([(1.0, box) for box in pair])) / longer_side(here)
        total += [(_weight(distance, moved / BOX_JITTER), box) for box in pair]
    return weighted_mean(total)


def _steady_points(
    here: NDArray[np.float32],
    pairs: Sequence[tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]],
    jitter_px: float,
    parts: Sequence[int] = (0,),
) -> NDArray[np.float32]:
    """here: float32 (K, 2) or (K, 3). parts: with which points those begin that are steadied by their own motion."""
    sizes = np.diff([*parts, len(here)])
    total, weights = here.astype(np.float64), np.ones(len(sizes))
    for distance, (earlier, later) in enumerate(pairs, 1):
        if earlier is None or later is None:
            break
        between = (earlier.astype(np.float64) + later) / 2
        # Where few points move far, as of an eye that closes, the root of the mean square is larger than the mean.
        moved = np.sqrt(np.add.reduceat(((here - between) ** 2).sum(1), parts) / sizes)
        of_parts = 2 * np.array([_weight(distance, float(by)) for by in moved / jitter_px])
        total += np.repeat(of_parts, sizes)[:, None] * between
        weights += of_parts
    return (total / np.repeat(weights, sizes)[:, None]).astype(np.float32)


def _weight(frames_away: int, moved: float) -> float:
    return math.exp(-((frames_away / WINDOW_FRAMES) ** 2) / 2 - moved**2 / 2)


def _between(start: Face, end: Face, share: float) -> Face:
    """A face on its way from one place to another: share 0 is at the start. It has what both have."""
    landmarks = None
    if start.landmarks is not None and end.landmarks is not None:
        landmarks = _blended(start.landmarks, end.landmarks, share)
    return Face(
        box=weighted_mean([(1 - share, start.box), (share, end.box)]),
        landmarks=landmarks,
        score=min(start.score, end.score),
        points={
            name: _blended(points, end.points[name], share)
            for name, points in start.points.items()
            if name in end.points
        },
    )


def _blended(start: NDArray[np.float32], end: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    return ((1 - share) * start + share * end).astype(np.float32)


def mean_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean distance of points (K, 2), in pixels."""
    return float(np.linalg.norm(one - other, axis=1).mean())


def face_size(landmarks: NDArray[np.float32]) -> float:
    """The longer side of the landmarks' bounding box, in pixels."""
    return max(float(np.ptp(landmarks[:, :2], axis=0).max()), 1.0)


def _extent(box: Box, landmarks: Landmarks | None) -> Box:
    return box if landmarks is None else united(box, box_of(landmarks))


def _patch(image: RgbImage, box: Box) -> NDArray[np.float32]:
    """A face's place at a few gray pixels, float32 (16, 16) in [0, 255]."""
    scale = _PATCH_PX / longer_side(box)
    x, y = center(box)
    middle = (_PATCH_PX - 1) / 2
    to_patch = np.array([[scale, 0.0, middle - scale * x], [0.0, scale, middle - scale * y]])
    return cv2.cvtColor(warp(image, to_patch, (_PATCH_PX, _PATCH_PX)), cv2.COLOR_RGB2GRAY).astype(np.float32)
