"""Whose face the result shows, and whether it does what the original did."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import RgbImage
from mien.geometry.alignment import align
from mien.geometry.expression import correlations, expression
from mien.media.video_reader import VideoSource
from mien.progress import Progress
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer

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
    extractor: Extractor,
    recognizer: Recognizer,
    progress: Progress,
) -> VideoComparison:
    """Compare two videos frame by frame. clips: person → clips of that person to compare with."""
    references = {
        person: reference_encoding([frame for path in paths for frame in spread_frames(path, _REFERENCE_FRAMES)],
                                   extractor, recognizer)
        for person, paths in clips.items()
    }  # fmt: skip
    before, after, encodings = [], [], []
    with VideoSource(original) as old, VideoSource(result) as new:
        progress.start("comparing the videos", None)
        for frame, drawn in zip(old.frames(), new.frames(), strict=True):
            before.append(_landmarks(frame.image, extractor))
            after.append(_landmarks(drawn.image, extractor))
            if np.isfinite(after[-1]).all():
                encodings.append(recognizer.encode([align(drawn.image, after[-1])])[0])
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


def reference_encoding(frames: list[RgbImage], extractor: Extractor, recognizer: Recognizer) -> NDArray[np.float32]:
    """The mean encoding of the surest faces of some frames: float32 (D,)."""
    found = [(frame, faces[0].landmarks) for frame in frames if (faces := extractor.extract(frame))]
    encodings = recognizer.encode([align(frame, landmarks) for frame, landmarks in found if landmarks is not None])
    return cast(NDArray[np.float32], encodings.mean(0))


def spread_frames(path: Path, count: int) -> list[RgbImage]:
    """Frames spread evenly over a clip."""
    with VideoSource(path) as video:
        return [next(video.frames(n, n + 1)).image for n in spread_indices(len(video.frame_times()), count)]


def _landmarks(image: RgbImage, extractor: Extractor) -> NDArray[np.float32]:
    found = [face.landmarks for face in extractor.extract(image) if face.landmarks is not None]
    return found[0] if found else np.full((_LANDMARKS, 2), np.nan, np.float32)
