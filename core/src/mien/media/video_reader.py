"""What frames a video holds: upright RGB images with their times, in order or from anywhere."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.deep_color import HdrMetadata, bits_of
from mien.media.deinterlace import is_interlaced
from mien.media.orientation import display_matrix, is_sideways, said_beside, upright
from mien.media.part import HALF_A_MILLISECOND, Part, clock_of
from mien.media.timeline import Timeline
from mien.media.transparency import Alpha
from mien.media.video_decoder import VideoDecoder, decoded, opened, unreadable
from mien.media.video_decoder import url_of as url_of

# Without the last two, swscale takes a short cut that makes 4:2:0 images 1.3 levels darker than the standard says.
CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_RGB = 0
_UNSPECIFIED = 2
_HD_LINES = 720
_HAS_ALPHA = re.compile(r"yuva|rgba|bgra|argb|abgr|gbrap|ya8|ya16")


@dataclass(frozen=True, slots=True)
class Frame:
    """An image of a video."""

    index: int
    """Its number, from 0, in the order in which frames are shown."""
    pts: int
    """When it is shown, in units of `VideoSource.time_base`."""
    image: RgbImage
    """uint8 (H, W, 3), upright."""
    duration: int = 0
    """How long it is shown, in units of `VideoSource.time_base`; 0 for a last frame of which the file does not say."""
    deep: NDArray[np.uint16] | None = None
    """The image in 16 bits, uint16 (H, W, 3), if the file has more than 8; with `VideoSource.frames(deep=True)`."""
    alpha: Alpha | None = None
    """How opaque each pixel is, of an animated image; None: all are. On white, `image` shows it."""
    stored: "Frame | None" = None
    """The frame as it is stored, if this one was stretched until its pixels are square."""


@dataclass(frozen=True, slots=True)
class Color:
    """How a video's numbers stand for colors, in FFmpeg's AVCOL_* numbers; 2 (range: 0) means that it is not said."""

    range: int
    space: int
    primaries: int
    transfer: int

    @property
    def stored_space(self) -> int:
        """What a file of YUV images made from these says of its matrix: the same, or nothing if these were RGB."""
        return _UNSPECIFIED if self.space == _RGB else self.space

    def matrix(self, height: int) -> int:
        """The matrix between YUV and RGB for a video of that many lines.

        Where the file does not say it, players take BT.709 for 720 lines and more, BT.601 for fewer.
        """
        if self.stored_space != _UNSPECIFIED:
            return self.space
        return int(Colorspace.ITU709 if height >= _HD_LINES else Colorspace.ITU601)


class VideoSource:
    """A video file to read from. Each reading opens the file anew, so several may run at once, and none stays open.

    threads: how many threads decode one reading; 0: one per core.

    `within` gives a part of it as a video of its own, whose frames are counted from 0 again.

    Raises MienError if the file is missing, empty, cut off before its index, no video, or its first frame is damaged.
    """

    is_paged = False
    """Whether its frames are pages: images of their own, none of which is before or after another."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self._first, self._stop = 0, None
        with opened(path, threads) as (container, stream):
            first = next(decoded(container, stream, Timeline()), None)
            if first is None:
                raise unreadable(path, "it holds no frame that can be decoded")
            self._turn = display_matrix(first)
            self.is_interlaced = is_interlaced(stream, first)
            """Whether its lines were taken at two times in turn; its frames are made whole."""
            self._coded_size = (first.width, first.height)
            shape = stream.sample_aspect_ratio or Fraction(1)
            self.width, self.height = self._coded_size
            """In pixels, upright."""
            self.pixel_shape = shape
            """Width of a pixel over its height, upright."""
            if is_sideways(self._turn):
                self.width, self.height = self.height, self.width
                self.pixel_shape = 1 / shape
            self.stream_index = stream.index
            """The number of the stream of its images."""
            self.time_base = stream.time_base or Fraction(1, av.time_base)
            """Seconds per unit of `Frame.pts`."""
            self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            """Frames per second; their average, if they vary."""
            self.pixel_format = first.format.name
            """FFmpeg's name of the way in which pixels are stored."""
            self.bits = bits_of(first)
            """How many bits each value has."""
            self.hdr = HdrMetadata.of(first)
            """What it says of brightness."""
            self.color = Color(first.color_range, first.colorspace, first.color_primaries, first.color_trc)
            self._beside = said_beside(first)
            self.metadata = dict(container.metadata)
            """What the file says of itself: title, comment, …"""
            self.has_audio = bool(container.streams.audio)
            duration = container.duration
            self.duration_seconds = duration / av.time_base if duration else None
            """How long it plays; None where the file does not say."""
            self.frames_said = stream.frames or None
            """How many frames the file says it has, which need not be true; `frame_times` counts them."""
        self._decoder = VideoDecoder(
            path,
            threads,
            is_interlaced=self.is_interlaced,
            stream_index=self.stream_index,
            time_base=self.time_base,
            rate=self.rate,
        )

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between readings."""

    _first: int
    """The number of its first frame in the file."""
    _stop: int | None
    """That of the first frame after it; None: it goes on to the end."""

    def within(self, part: Part) -> Self:
        """The same video from one time to another. Raises MienError if no frame is shown then."""
        if not part:
            return self
        times, unit = self.frame_times(), self.time_base
        since = [(time - times[0]) * unit for time in times]
        first = bisect_left(since, (part.start or 0) - HALF_A_MILLISECOND)
        stop = len(times) if part.end is None else bisect_left(since, part.end - HALF_A_MILLISECOND)
        if first >= stop:
            asked = f"from {clock_of(part.start or Fraction(0))}" + (f" to {clock_of(part.end)}" if part.end else "")
            raise MienError(
                f"{self.path} shows no frame {asked}: its last one begins at {clock_of(since[-1])}.",
                f"--start {clock_of(since[0])}",
            )
        other = copy(self)
        other._first = self._first + first
        if stop < len(times) or (part.end is not None and part.end <= (self._file_end() - times[0]) * unit):
            other._stop = self._first + stop
        return other

    @property
    def span(self) -> tuple[Fraction | None, Fraction | None]:
        """When a part begins and is over, in seconds of the file's clock; None where it does so with the file."""
        times, unit = [*self._file_times(), self._file_end()], self.time_base
        start = times[self._first] * unit if self._first else None
        return start, None if self._stop is None else times[self._stop] * unit

    @property
    def first_frame(self) -> int:
        """The number in the file of a part's first frame."""
        return self._first

    @property
    def frame_bytes(self) -> int:
        """How much memory the image of a frame takes, or both of them where it has one in 16 bits, too."""
        return 3 * self.width * self.height * (3 if self.bits > 8 else 1)

    def frame_times(self) -> list[int]:
        """The pts of every whole frame, in the order in which they are shown; they grow.

        They are read without decoding, except where several share a time, or the file's clock starts again.
        Of a file that is cut off, these are the frames before the cut; `damage` says what is wrong then.
        """
        return self._file_times()[self._first : self._stop]

    @property
    def end(self) -> int:
        """When the last frame is over, in units of `time_base`."""
        return [*self._file_times(), self._file_end()][-1 if self._stop is None else self._stop]

    def key_frames(self) -> list[int]:
        """Numbers of the frames at which decoding can begin, as far as the file tells them; ascending."""
        index = self._decoder.index()
        at_keys = set(index.keyframes) if index.stored is not None else set()
        stored = (index.stored or [])[self._first : self._stop]
        return [number for number, time in enumerate(stored) if time in at_keys]

    @property
    def damage(self) -> str | None:
        """Why the file ends too early; None if nothing is missing, or it is after a part."""
        return self._damage_of_file() if self._stop is None else None

    @property
    def cut_off(self) -> str | None:
        """What is missing of a file of fragments, which is made to be usable when it is cut off; None: nothing."""
        if self._stop is not None or not self._decoder.index().ends_in_fragment:
            return None
        return (
            f"the source is cut off within a fragment; what came after frame {len(self.frame_times()) - 1} is missing"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file is not in its frames, as sentences without an end."""
        made_whole = "the source is interlaced; its frames are deinterlaced" if self.is_interlaced else None
        alpha = "transparency is left out" if _HAS_ALPHA.search(self.pixel_format) else None
        return tuple(filter(None, [self._which_part(), self.cut_off, made_whole, alpha, *self._beside]))

    def _which_part(self) -> str | None:
        if not self._first and self._stop is None:
            return None
        times = [*self._file_times(), self._file_end()]
        stop = len(times) - 1 if self._stop is None else self._stop
        start, end = (clock_of((times[at] - times[0]) * self.time_base) for at in (self._first, stop))
        return f"it holds {start} to {end} of the source: frames {self._first}–{stop - 1} of {len(times) - 1}"

    def check_whole(self) -> None:
        """Raises MienError if the file ends too early, before any frame is decoded."""
        if self.damage:
            raise unreadable(self.path, self.damage, frame=len(self.frame_times()))

    def frames(
        self, start: int = 0, stop: int | None = None, *, deep: bool = False, only: Collection[int] | None = None
    ) -> Iterator[Frame]:
        """The frames of that range; their pixels are the same wherever the range begins.

        start, stop: numbers of frames, from 0; stop None: to the end. What lies beyond the end is left out.
        deep: whether a video of more than 8 bits gives its images in 16 bits too. only: numbers of frames; the others
        are decoded, but not made into images, and left out; None: all.

        Raises MienError naming the file and the frame's number at a frame that is missing or damaged; the frames before
        it have been given by then.
        """
        until = self._stop if stop is None else self._first + stop
        until = until if self._stop is None or until is None else min(until, self._stop)
        numbers = None if only is None else {self._first + number for number in only}
        for frame in self._file_frames(self._first + start, until, deep=deep, only=numbers):
            yield replace(frame, index=frame.index - self._first) if self._first else frame

    def _file_times(self) -> list[int]:
        """As `frame_times`, of the whole file."""
        return list(self._decoder.index().times)

    def _file_end(self) -> int:
        """When the last frame of the file is over."""
        return self._decoder.index().end

    def _damage_of_file(self) -> str | None:
        return self._decoder.index().damage

    def _file_frames(
        self, start: int, stop: int | None, *, deep: bool, only: Collection[int] | None
    ) -> Iterator[Frame]:
        """As `frames`, of the whole file; numbers are those of the file."""
        index = self._decoder.index()
        times = index.times
        until = [*times[1:], index.end]
        stop_at = min(len(times), len(times) if stop is None else stop)
        at = start
        for frame in self._decoder.frames(start, stop_at) if start < stop_at else ():
            if frame.is_corrupt:
                break
            if only is not None and at not in only:
                at += 1
                continue
            in_16_bits = self._as_rgb(frame, at, "rgb48le") if deep and self.bits > 8 else None
            yield Frame(at, times[at], self._as_rgb(frame, at), until[at] - times[at], in_16_bits)
            at += 1
        if at < stop_at:
            raise unreadable(self.path, "it does not decode", frame=at)
        if index.damage and (stop is None or stop > len(times)):
            raise unreadable(self.path, index.damage, frame=len(times))

    @property
    def timeline(self) -> Timeline:
        """How the times of the file's packets are to be moved, so that those of each stream grow."""
        return self._decoder.index().timeline

    def _as_rgb(self, frame: VideoFrame, index: int, kind: str = "rgb24") -> NDArray[Any]:
        width, height = self._coded_size
        space = self.color.matrix(height) if frame.colorspace == _UNSPECIFIED else frame.colorspace
        try:
            image = frame.to_ndarray(
                format=kind, width=width, height=height, src_colorspace=space, interpolation=CONVERSION, threads=1
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise unreadable(
                self.path, f"its colors ({frame.format.name}) cannot be converted: {error}", frame=index
            ) from error
        return np.ascontiguousarray(upright(image, self._turn))
