"""What of an image is hidden because nobody knows whether a face is there, and how."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from mien.anonymization.analysis import VideoAnalysis
from mien.contracts.face import Landmarks, RgbImage
from mien.tracking.tracker import face_size

BLOCKS = 6
"""What is hidden becomes blocks of one color each, so many along its shorter side. A face that fills it has then far
fewer than the 12×14 pixels from which people were found to know familiar faces (P. Sinha et al., "Face recognition by
humans", Proceedings of the IEEE 94, 2006)."""
REACH = 1.0
"""Around the place of a face that was just lost, so many times its size are hidden on each side,"""
REACH_PER_SECOND = 1.0
"""and so many times more with each second, since it may have moved."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image; it may reach over the image's border."""

    x: float
    """Middle, in pixels."""
    y: float
    side: float
    """In pixels."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is hidden in each frame of a video."""

    whole: Collection[int] = frozenset()
    """Frames that are hidden all over."""
    parts: Mapping[int, Sequence[Region]] = field(default_factory=dict)
    """Frame → what of it is hidden, of others."""

    def hide(self, frame: int, image: RgbImage) -> RgbImage:
        """The frame as it may be shown, uint8 (H, W, 3); the image is left as it was."""
        if frame in self.whole:
            return hidden(image)
        return redact_regions(image, self.parts.get(frame, ()))


def plan_redaction(analysis: VideoAnalysis, margin_seconds: float) -> Redaction:
    """Decide what is hidden of a video.

    - A frame in which no face was found: all of it.
    - A frame in which a face is missing that is seen before and after it in the same shot: all of it.
    - After a face was seen for the last time in a shot, or before it comes back much later, for `margin_seconds`: its
      surroundings. Likewise before it is seen first. It may have been there already, or still be there, turned away.
    """
    whole = frozenset([*analysis.no_face, *analysis.partial])
    parts: defaultdict[int, list[Region]] = defaultdict(list)
    for person, appearances in _appearances(analysis).items():
        for first, last in appearances:
            for start, step in ((first, -1), (last, 1)):
                landmarks = next(face.landmarks for face in analysis.faces[start] if face.track == person)
                for index in _near(analysis, start, step, margin_seconds):
                    if any(face.track == person for face in analysis.faces[index]):
                        break
                    if index not in whole:
                        away = abs(analysis.seconds[index] - analysis.seconds[start])
                        parts[index].append(_surroundings(landmarks, away))
    return Redaction(whole, dict(parts))


def hidden(image: RgbImage) -> RgbImage:
    """An image in which nobody can be recognised, uint8 (H, W, 3)."""
    return _in_blocks(image, min(image.shape[:2]) / BLOCKS)


def redact_regions(image: RgbImage, squares: Sequence[Region]) -> RgbImage:
    """An image with parts of it hidden; the image is left as it was."""
    result = image.copy() if squares else image
    for square in squares:
        rows, columns = (
            slice(max(int(middle - square.side / 2), 0), max(int(np.ceil(middle + square.side / 2)), 0))
            for middle in (square.y, square.x)
        )
        part = result[rows, columns]
        if part.size:
            part[:] = _in_blocks(part, square.side / BLOCKS)
    return result


def _in_blocks(image: RgbImage, block_px: float) -> RgbImage:
    height, width = image.shape[:2]
    count = (max(round(width / block_px), 1), max(round(height / block_px), 1))
    means = cv2.resize(image, count, interpolation=cv2.INTER_AREA)
    blocks: RgbImage = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    return blocks


def _surroundings(landmarks: Landmarks, seconds_away: float) -> Region:
    x, y = (landmarks.min(0) + landmarks.max(0)) / 2
    reach = REACH + REACH_PER_SECOND * seconds_away
    return Region(float(x), float(y), face_size(landmarks) * (1 + 2 * reach))


def _appearances(analysis: VideoAnalysis) -> dict[int, list[tuple[int, int]]]:
    """Person → first and last frame of each stretch of frames in one shot that they are seen in."""
    appearances: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, faces in enumerate(analysis.faces):
        for face in faces:
            tracklets = appearances[face.track]
            goes_on = tracklets and tracklets[-1][1] == index - 1 and analysis.shots[index] == analysis.shots[index - 1]
            if goes_on:
                tracklets[-1] = (tracklets[-1][0], index)
            else:
                tracklets.append((index, index))
    return dict(appearances)


def _near(analysis: VideoAnalysis, start: int, step: int, margin_seconds: float) -> Iterator[int]:
    """The frames of the same shot within that time, going away from `start`."""
    index = start + step
    while (
        0 <= index < len(analysis.seconds)
        and analysis.shots[index] == analysis.shots[start]
        and abs(analysis.seconds[index] - analysis.seconds[start]) <= margin_seconds
    ):
        yield index
        index += step
