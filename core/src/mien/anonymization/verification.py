"""Whether a face that was drawn anew is still taken for the person who was filmed."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import encode_landmarks
from mien.contracts.face import Face, Landmarks, RgbImage
from mien.geometry.boxes import box_distance, longer_side
from mien.inference.detector import FaceDetector
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

FRAMES_CHECKED = 50
"""At most this many frames of a file, spread over it."""
_AT_ITS_PLACE = 0.5
"""The corners of its box lie on the mean nearer to the original's than this share of its size."""
_FRAMES_READ_ON = 250
"""Frames nearer to each other than this are read in one go: a seek would decode as many."""


def distances_to_originals(
    image: RgbImage,
    faces: Sequence[TrackedFace],
    originals: Sequence[NDArray[np.float32]],
    detector: FaceDetector,
    recognizer: Recognizer,
) -> list[float]:
    """How far the faces of an image lie from the original ones.

    image: uint8 (H, W, 3), as it is shown. faces: the N faces that were drawn, all with landmarks. originals: their
    encodings, float32 (D,), before they were drawn. Each is compared with what is found at its place; if nothing is
    found, with what its own landmarks surround. Raises MienError if a plugin fails.
    """
    if not faces:
        return []
    found = detector.find(image)
    encodings = encode_landmarks(recognizer, image, [_landmarks_at(face, found) for face in faces])
    return [
        float(recognizer.distances(encoding[None], original)[0])
        for encoding, original in zip(encodings, originals, strict=True)
    ]


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


def _landmarks_at(face: TrackedFace, found: Sequence[Face]) -> Landmarks:
    """The landmarks of what is found at a face's place, or else its own."""
    near = min(found, key=lambda other: box_distance(other.box, face.box), default=None)
    is_there = near is not None and box_distance(near.box, face.box) < _AT_ITS_PLACE * longer_side(face.box)
    landmarks = near.landmarks if near is not None and is_there and near.landmarks is not None else face.landmarks
    if landmarks is None:
        raise ValueError("a face without landmarks was not drawn, and is not compared")
    return landmarks
