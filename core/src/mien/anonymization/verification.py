"""Whether a face that was drawn anew is still taken for the person who was filmed."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import encode
from mien.contracts.face import Landmarks, RgbImage
from mien.inference.detector import FaceDetector
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import face_size, mean_distance

FRAMES_CHECKED = 50
"""At most so many frames of a file, spread over it."""
_AT_ITS_PLACE = 0.5
_FRAMES_READ_ON = 250
"""Frames nearer to each other than this are read in one go: a seek would decode as many."""


def distances_to_originals(
    image: RgbImage,
    places: Sequence[Landmarks],
    originals: Sequence[NDArray[np.float32]],
    detector: FaceDetector,
    recognizer: Recognizer,
) -> list[float]:
    """How far the faces of an image lie from those that were there before.

    image: uint8 (H, W, 3), as it is shown. places: the landmarks of the N faces that were there. originals: their
    encodings, float32 (D,). Each is compared with what is found at its place; if nothing is found, with what its own
    landmarks surround. Raises MienError if a plugin fails.
    """
    if not places:
        return []
    found = [face.landmarks for face in detector.find(image)]
    encodings = encode(recognizer, image, [_at(place, found) for place in places])
    return [
        float(recognizer.distances(encoding[None], original)[0])
        for encoding, original in zip(encodings, originals, strict=True)
    ]


def spread(indices: Sequence[int]) -> list[int]:
    """At most `FRAMES_CHECKED` of them, spread evenly."""
    count = min(len(indices), FRAMES_CHECKED)
    return [indices[at] for at in np.linspace(0, len(indices) - 1, count).round().astype(int)]


def frames_at(video: VideoSource, indices: Sequence[int]) -> Iterator[Frame]:
    """Those frames of a video; indices ascend."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index - runs[-1][-1] < _FRAMES_READ_ON:
            runs[-1].append(index)
        else:
            runs.append([index])
    for run in runs:
        wanted = set(run)
        yield from (frame for frame in video.frames(run[0], run[-1] + 1) if frame.index in wanted)


def _at(place: Landmarks, found: Sequence[Landmarks]) -> Landmarks:
    near = min(found, key=lambda landmarks: mean_distance(landmarks, place), default=place)
    return near if mean_distance(near, place) < _AT_ITS_PLACE * face_size(place) else place
