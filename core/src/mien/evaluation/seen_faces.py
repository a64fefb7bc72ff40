"""The faces of a video, followed over its frames and told apart, and what stands at their places in the result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.auditing.frames import PairedFrames
from mien.contracts.face import Face, Landmarks, RgbImage
from mien.dataset.worker import sharpness
from mien.evaluation.flicker import changes_along_flow
from mien.evaluation.observation import FaceLocator, Observation
from mien.evaluation.video_page import SHOWN_FRAMES, VIEW_PX, View
from mien.geometry.alignment import AlignmentConfig, align
from mien.media.video_reader import Frame
from mien.plugins.extractor_set import ExtractorSet
from mien.progress import Progress
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import MOST_COMPARED, joined_by_encodings
from mien.tracking.shots import frame_signature, shots_of
from mien.tracking.tracker import follow

_VIEW = AlignmentConfig(size=VIEW_PX, margin=0.35)
_UNKNOWN: Sequence[float] = (float("nan"),) * 2


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A face of the original in one frame, and what stands at its place in the result."""

    number: int
    """Of the compared frames, from 0."""
    seconds: float
    original: Observation
    result: Observation
    detail: float
    """The result's sharpness over the original's."""
    change: Sequence[float]
    """From the frame before: of the original, of the result; NaN where none went before."""
    view: View | None
    """As the page shows it; None: it does not."""


@dataclass(slots=True)
class SeenFace:
    """A face of the original over the frames that show it, ascending."""

    frames: list[SeenFrame] = field(default_factory=list)


@dataclass(slots=True)
class _Track:
    """A face at one place, followed from frame to frame."""

    frames: list[SeenFrame] = field(default_factory=list)
    last: tuple[int, Landmarks, tuple[RgbImage, RgbImage]] | None = None


def seen_faces(
    frames: PairedFrames,
    extractors: ExtractorSet,
    locator: FaceLocator,
    recognizer: Recognizer,
    progress: Progress,
) -> list[SeenFace]:
    """The faces of the original: each of its people once, in all shots of the video.

    A track ends where the video is cut, and tracks are joined to people as in `mien.find_faces`. Raises
    MienError if an image cannot be read or a plugin fails.
    """
    kept: dict[int, tuple[RgbImage, list[Face]]] = {}
    signatures: list[NDArray[np.int16]] = []

    def found() -> Iterator[tuple[Frame, list[Face]]]:
        for number, images in enumerate(frames.images()):
            faces = extractors.extract(images.original)
            signatures.append(frame_signature(images.original))
            kept[number] = images.output, faces
            yield Frame(number, number, images.original), faces

    shown_frames = set(spread_indices(len(frames.frames), SHOWN_FRAMES).tolist())
    tracks: dict[int, _Track] = {}
    for frame, faces in follow(found()):
        output, as_found = kept.pop(frame.index)
        in_output = extractors.extract(output)
        for face in faces:
            if face.landmarks is None or face.interpolated:
                continue
            seconds, is_shown = frames.seconds[frame.index], frame.index in shown_frames
            track = tracks.setdefault(face.track, _Track())
            shown, at, change = (frame.image, output), frames.frames[frame.index], _UNKNOWN
            if track.last and track.last[0] == at - 1:
                _, old, shown_before = track.last
                change = changes_along_flow(shown_before, shown, old, face.landmarks)
            track.last = at, face.landmarks, shown
            track.frames.append(
                SeenFrame(
                    frame.index,
                    seconds,
                    # Both as they are found: landmarks that are followed are averaged over frames.
                    original=locator.look_among(frame.image, as_found, face.landmarks),
                    result=locator.look_among(output, in_output, face.landmarks),
                    detail=_detail(frame.image, output, face.landmarks),
                    change=change,
                    view=_view(seconds, frame.image, output, face.landmarks) if is_shown else None,
                )
            )
        progress.advance(1, faces=len(faces))
    shots = shots_of(signatures, frames.seconds)
    return _of_people([part for track in tracks.values() for part in _parted(track.frames, shots)], recognizer)


def _parted(frames: Sequence[SeenFrame], shots: Sequence[int]) -> Iterator[list[SeenFrame]]:
    """A track's frames, those of each shot by themselves: over a cut nothing is known of how it changes."""
    parts = [[frame] for frame in frames[:1]]
    for before, frame in pairwise(frames):
        if shots[before.number] == shots[frame.number]:
            parts[-1].append(frame)
        else:
            parts.append([replace(frame, change=_UNKNOWN)])
    yield from parts


def _of_people(tracks: Sequence[list[SeenFrame]], recognizer: Recognizer) -> list[SeenFace]:
    """Those of one person as one face."""
    encodings: dict[int, NDArray[np.float32]] = {}
    for number, track in enumerate(tracks):
        known = np.stack([frame.original.encoding for frame in track])
        known = known[np.isfinite(known).all(1)]
        encodings[number] = known[spread_indices(len(known), MOST_COMPARED)]
    shown = {number: {frame.number for frame in track} for number, track in enumerate(tracks)}
    faces: dict[int, SeenFace] = {}
    for number, person in joined_by_encodings(shown, encodings, recognizer).items():
        faces.setdefault(person, SeenFace()).frames.extend(tracks[number])
    for face in faces.values():
        face.frames.sort(key=lambda frame: frame.number)
    return list(faces.values())


def _detail(original: RgbImage, result: RgbImage, landmarks: Landmarks) -> float:
    """Sharpness of the result inside of the face over that of the original, at the original's size; NaN: no detail."""
    height, width = original.shape[:2]
    low = np.clip(np.floor(landmarks.min(0)).astype(int) - 1, 0, (width, height))
    high = np.clip(np.ceil(landmarks.max(0)).astype(int) + 2, 0, (width, height))
    part = (slice(low[1], high[1]), slice(low[0], high[0]))
    hull = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(hull, np.rint(cv2.convexHull(landmarks)).astype(np.int32), 255)
    before, after = (sharpness(np.ascontiguousarray(image[part]), hull[part]) for image in (original, result))
    return after / before if before > 0 else float("nan")


def _view(seconds: float, original: RgbImage, result: RgbImage, landmarks: Landmarks) -> View:
    before, after = (align(image, landmarks, _VIEW).image for image in (original, result))
    return View(seconds, before, after)
