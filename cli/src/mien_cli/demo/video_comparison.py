"""Whose face the result shows, and whether it does what the original did."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Face, RgbImage
from mien.geometry.alignment import align
from mien.geometry.expression import correlations, expression
from mien.inference.session import Session
from mien.media.video_reader import VideoSource
from mien.progress import Progress
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer
from mien.workers.threads import ordered_map

_REFERENCE_FRAMES = 12
_LANDMARKS = 68


@dataclass(frozen=True, slots=True)
class VideoComparison:
    """What was measured on the result's frames."""

    frames: int
    found: int
    """Frames of the result in which a face was found."""
    distance_to: dict[str, float]
    """Person → median identity distance of the result's faces to them."""
    nearer_to_new_face: float
    """Share of the frames whose face is nearer to the new person than to the old one."""
    recognizer: str
    """What those distances are by, as a plugin choice."""
    same_person_below: float
    follows: dict[str, float]
    """Measure of the expression → correlation over the frames, original against result."""


def compare_videos(
    original: Path,
    result: Path,
    clips: dict[str, list[Path]],
    new_face: str,
    session: Session,
    recognizer: Recognizer,
    progress: Progress,
) -> VideoComparison:
    """Compare two videos frame by frame, by faces that the session finds.

    clips: person → clips of that person to compare with.
    """
    progress.start("comparing the videos", None)
    references = {
        person: reference_encoding(
            [frame for path in paths for frame in spread_frames(path, _REFERENCE_FRAMES)], session, recognizer
        )
        for person, paths in clips.items()
    }
    before, after, encodings = [], [], []
    with VideoSource(original) as old, VideoSource(result) as new:
        images = (image for pair in zip(old.frames(), new.frames(), strict=True) for image in (f.image for f in pair))
        for number, (image, faces) in enumerate(_found(images, session)):
            landmarks = _surest_landmarks(faces)
            if number % 2 == 0:
                before.append(landmarks)
                continue
            after.append(landmarks)
            if np.isfinite(landmarks).all():
                encodings.append(recognizer.encode([align(image, landmarks)])[0])
            progress.advance()
    found = np.array(encodings) if encodings else np.zeros((0, len(references[new_face])), np.float32)
    distances = {person: recognizer.distances(found, reference) for person, reference in references.items()}
    others = np.min([distances[person] for person in distances if person != new_face], axis=0)
    return VideoComparison(
        frames=len(after),
        found=len(found),
        distance_to={person: float(np.median(values)) for person, values in distances.items()},
        # A frame without a face counts against the result.
        nearer_to_new_face=float((distances[new_face] < others).sum() / len(after)),
        recognizer=recognizer.record.choice,
        same_person_below=recognizer.same_person_below,
        follows=correlations(expression(np.array(before)), expression(np.array(after))),
    )


def reference_encoding(frames: list[RgbImage], session: Session, recognizer: Recognizer) -> NDArray[np.float32]:
    """The mean encoding of the surest faces of some frames: float32 (D,)."""
    found = [(frame, faces[0].landmarks) for frame, faces in _found(frames, session) if faces]
    encodings = recognizer.encode([align(frame, landmarks) for frame, landmarks in found if landmarks is not None])
    return cast(NDArray[np.float32], encodings.mean(0))


def spread_frames(path: Path, count: int) -> list[RgbImage]:
    """Frames spread evenly over a clip."""
    with VideoSource(path) as video:
        return [next(video.frames(n, n + 1)).image for n in spread_indices(len(video.frame_times()), count)]


def _found(images: Iterable[RgbImage], session: Session) -> Iterator[tuple[RgbImage, Sequence[Face]]]:
    """Each image with its faces, found by as many threads as the session has."""
    threads = session.threads
    return ordered_map(lambda image: (image, session.detector.find(image)), images, threads, 2 * threads)


def _surest_landmarks(faces: Sequence[Face]) -> NDArray[np.float32]:
    found = [face.landmarks for face in faces if face.landmarks is not None]
    return found[0] if found else np.full((_LANDMARKS, 2), np.nan, np.float32)
