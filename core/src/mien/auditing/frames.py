"""The images of an original and its output, side by side: what belongs together is shown at the same time."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.auditing.pairs import FilePair
from mien.contracts.face import RgbImage
from mien.counted import counted
from mien.errors import MienError
from mien.geometry.pixel_shape import in_square_pixels, size_in_square_pixels
from mien.media.animation import open_video
from mien.media.discovery import Source
from mien.media.images import read_image
from mien.media.part import WHOLE, Part
from mien.media.video_reader import Frame, VideoSource
from mien.spread import spread_indices
from mien.tracking.shots import frame_signature

_SAME_ASPECT = 0.02
_BLOCK_PX = 16
"""Some tools round sides to whole blocks of their encoder, and stretch the image a little."""
_SAME_SECONDS = 1.0
_LARGEST_SHIFT, _COMPARED_FRAMES = 15, 60
_CLEARLY_NEARER, _VISIBLY_NEARER = 0.7, 0.3
_FRAMES_READ_ON = 250
"""Frames nearer to each other than this are read in one go: a seek would decode as many."""


@dataclass(frozen=True, slots=True)
class ImagePair:
    """An image of the original and that of the output."""

    frame: int
    """The number of the output's frame, from 0."""
    seconds: float
    """When it is shown, from the output's first frame on."""
    original: RgbImage
    output: RgbImage
    """uint8 (H, W, 3), at the size of the original."""


@dataclass(frozen=True, slots=True)
class PairedFrames:
    """The frames that are audited of one file."""

    pair: FilePair
    frames: Sequence[int]
    """Numbers of frames of the output, ascending."""
    original_frames: Sequence[int]
    """For each, that of the original."""
    notes: Sequence[str]
    """What was done so that the two fit: scaled, or moved in time."""
    seconds: Sequence[float]
    videos: tuple[VideoSource, VideoSource] | None
    """None for images."""

    def images(self) -> Iterator[ImagePair]:
        """Both images of each frame, in order. Raises MienError if one cannot be read."""
        if self.videos is None:
            original, output = read_image(self.pair.original.path), read_image(self.pair.output)
            yield ImagePair(0, 0.0, original, _fitted(output, original, self.pair))
            return
        first, second = (
            _frames_at(video, indices)
            for video, indices in zip(self.videos, (self.original_frames, self.frames), strict=True)
        )
        for number, seconds, original, output in zip(self.frames, self.seconds, first, second, strict=True):
            yield ImagePair(number, seconds, original, _fitted(output, original, self.pair))


@dataclass(frozen=True, slots=True)
class SoleFrames:
    """The frames of an output without an original."""

    source: Source
    frames: Sequence[int]
    """Numbers of frames, ascending."""
    video: VideoSource | None
    """None for an image."""

    def images(self) -> Iterator[RgbImage]:
        """Each of them, uint8 (H, W, 3) in square pixels, in order. Raises MienError if one cannot be read."""
        if self.video is None:
            yield read_image(self.source.path)
        else:
            yield from _frames_at(self.video, self.frames)


def sole_frames(source: Source, every: int = 1, most: int | None = None, also: Collection[int] = ()) -> SoleFrames:
    """What is searched of an output without an original. every, most, also: as of `pair_frames`.

    Raises MienError if it cannot be read.
    """
    if source.kind == "unreadable":
        raise MienError(f"{source.path} cannot be audited: {source.reason}.", f"ls -l {source.path}")
    if source.kind == "image":
        return SoleFrames(source, [0], None)
    video = open_video(source.path)
    return SoleFrames(source, _chosen(len(video.frame_times()), every, most, also), video)


def pair_frames(
    pair: FilePair, every: int = 1, most: int | None = None, also: Collection[int] = (), part: Part = WHOLE
) -> PairedFrames:
    """What of two files is shown at the same time.

    every: of the output, one frame in so many. most: of these at most so many, spread over it; None: all. also: frames
    of the output that are added. part: of the original, of which the output was made.
    Raises MienError if one cannot be read, they have not the same shape, or do not last equally long.
    """
    if pair.original.kind == "image":
        return PairedFrames(pair, [0], [0], (), [0.0], None)
    original, output = open_video(pair.original.path).within(part), open_video(pair.output)
    _check_shapes(_size(original), _size(output), pair)
    times, of_output = _seconds(original), _seconds(output)
    if abs(times[-1] - of_output[-1]) > _SAME_SECONDS:
        raise MienError(
            f"{pair.output} lasts {of_output[-1]:.1f} s and {pair.original.path} {times[-1]:.1f} s: they do not show "
            "the same.",
            "Give the original that it was made of; if that was a part, say which: --start TIME --end TIME",
        )
    notes = []
    if (original.width, original.height) != (output.width, output.height):
        notes.append(
            f"the output was scaled from {output.width}×{output.height} to {original.width}×{original.height} px"
        )
    if len(times) != len(of_output):
        notes.append(
            f"the output has {counted(len(of_output), 'frame')}, the original {len(times)}: compared by their times"
        )
    same_count = len(times) == len(of_output)
    nearest = [index if same_count else _nearest(times, second) for index, second in enumerate(of_output)]
    if shift := _shift(original, output, nearest):
        when = "later" if shift > 0 else "earlier"
        notes.append(
            f"the output shows what the original shows {counted(abs(shift), 'frame')} {when}: compared with those"
        )
    chosen = _chosen(len(of_output), every, most, also)
    matched = [int(np.clip(nearest[index] + shift, 0, len(times) - 1)) for index in chosen]
    return PairedFrames(pair, chosen, matched, notes, [of_output[index] for index in chosen], (original, output))


def _chosen(count: int, every: int, most: int | None, also: Collection[int]) -> list[int]:
    chosen = list(range(0, count, every))
    if most is not None:
        chosen = [chosen[index] for index in spread_indices(len(chosen), most)]
    return sorted({*chosen, *(index for index in also if 0 <= index < count)})


def _size(video: VideoSource) -> tuple[int, int]:
    """Width and height in square pixels."""
    return size_in_square_pixels(video.width, video.height, float(video.pixel_shape))


def _seconds(video: VideoSource) -> list[float]:
    times = video.frame_times()
    return [float((time - times[0]) * video.time_base) for time in times]


def _nearest(times: Sequence[float], second: float) -> int:
    after = min(bisect_left(times, second), len(times) - 1)
    return after - 1 if after and second - times[after - 1] < times[after] - second else after


def _shift(original: VideoSource, output: VideoSource, nearest: Sequence[int]) -> int:
    """By how many frames the original's that look like the output's lie later than their times say.

    Told by the first frames, at a few gray pixels; 0 if none fits clearly better.
    """
    count = min(len(nearest), _COMPARED_FRAMES)
    theirs = _signatures(output, count)
    ours = _signatures(original, nearest[count - 1] + 1 + _LARGEST_SHIFT)
    costs: dict[int, float] = {}
    for shift in range(-_LARGEST_SHIFT, _LARGEST_SHIFT + 1):
        pairs = [(index, nearest[index] + shift) for index in range(count) if 0 <= nearest[index] + shift < len(ours)]
        if len(pairs) > count // 2:
            costs[shift] = float(np.mean([np.abs(theirs[one] - ours[other]).mean() for one, other in pairs]))
    best = min(costs, key=lambda shift: (costs[shift], abs(shift)), default=0)
    as_it_is = costs.get(0, 0.0)
    is_nearer = best and costs[best] < _CLEARLY_NEARER * as_it_is and as_it_is - costs[best] > _VISIBLY_NEARER
    return best if is_nearer else 0


def _signatures(video: VideoSource, count: int) -> list[NDArray[np.int16]]:
    return [frame_signature(frame.image) for frame in video.frames(0, count)]


def _frames_at(video: VideoSource, indices: Sequence[int]) -> Iterator[RgbImage]:
    """The images of those frames, in square pixels; indices ascend, and may stand there more than once."""
    stretches: list[list[int]] = []
    for index in dict.fromkeys(indices):
        if stretches and index - stretches[-1][-1] < _FRAMES_READ_ON:
            stretches[-1].append(index)
        else:
            stretches.append([index])
    times = Counter(indices)
    for stretch in stretches:
        for frame in _of_stretch(video, stretch):
            yield from repeat(in_square_pixels(frame.image, float(video.pixel_shape)), times[frame.index])


def _of_stretch(video: VideoSource, indices: Sequence[int]) -> Iterator[Frame]:
    wanted = set(indices)
    return (frame for frame in video.frames(indices[0], indices[-1] + 1) if frame.index in wanted)


def _fitted(output: RgbImage, original: RgbImage, pair: FilePair) -> RgbImage:
    height, width = original.shape[:2]
    if output.shape == original.shape:
        return output
    _check_shapes((width, height), (output.shape[1], output.shape[0]), pair)
    how = cv2.INTER_AREA if output.shape[0] > height else cv2.INTER_CUBIC
    return cv2.resize(output, (width, height), interpolation=how).astype(np.uint8, copy=False)


def _check_shapes(original: tuple[int, int], output: tuple[int, int], pair: FilePair) -> None:
    aspects = [width / height for width, height in (original, output)]
    differences = [abs(one - other) for one, other in zip(original, output, strict=True)]
    if abs(aspects[0] / aspects[1] - 1) > _SAME_ASPECT and max(differences) >= _BLOCK_PX:
        raise MienError(
            f"{pair.output} has {output[0]}×{output[1]} px and {pair.original.path} {original[0]}×{original[1]} px: "
            "it was cut or turned, and no face of it can be compared with the one at its place.",
            "Give the original that it was made of, cut and turned in the same way.",
        )
