"""What frames a video holds: upright RGB images with their times, in order or from anywhere."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.errors import MienError

# Without the last two, swscale takes a short cut that makes 4:2:0 images 1.3 levels darker than the standard says.
CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_RGB = 0
_UNSPECIFIED = 2
_HD_LINES = 720
_CUT_OFF_SECONDS = 0.5
_ROUNDING_SECONDS = 0.002
_PACKETS_WITHOUT_FRAME = ("vp8", "libvpx")  # their alternate reference frames are never shown


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


class _Index(NamedTuple):
    """What the packets tell, without decoding."""

    times: list[int]
    """pts of every whole frame, ascending."""
    keyframes: list[int]
    """pts at which decoding can begin, ascending."""
    end: int
    """pts at which the last frame is over."""
    damage: str | None
    """Why there are no more frames than these; None if the file is whole."""


class VideoSource:
    """A video file to read from. Each reading opens the file anew, so several may run at once, and none stays open.

    threads: how many threads decode one reading; 0: one per core.

    Raises MienError if the file is missing, empty, cut off before its index, no video, or its first frame is damaged.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self._threads = threads
        self._known_index: _Index | None = None
        with self._opened() as (container, stream):
            first = next(self._decoded(container, stream), None)
            if first is None:
                raise self._error("it holds no frame that can be decoded")
            self._turn = _display_matrix(first)
            self._coded_size = (first.width, first.height)
            shape = stream.sample_aspect_ratio or Fraction(1)
            self.width, self.height = self._coded_size
            """In pixels, upright."""
            self.pixel_shape = shape
            """Width of a pixel over its height, upright."""
            if _is_sideways(self._turn):
                self.width, self.height = self.height, self.width
                self.pixel_shape = 1 / shape
            self.time_base = stream.time_base or Fraction(1, av.time_base)
            """Seconds per unit of `Frame.pts`."""
            self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            """Frames per second; their average, if they vary."""
            self.pixel_format = first.format.name
            """FFmpeg's name of the way in which pixels are stored."""
            self.color = Color(first.color_range, first.colorspace, first.color_primaries, first.color_trc)
            self.metadata = dict(container.metadata)
            """What the file says of itself: title, comment, …"""
            self.has_audio = bool(container.streams.audio)
            duration = container.duration
            self.duration_seconds = duration / av.time_base if duration else None
            """How long it plays; None where the file does not say."""
            self.frames_said = stream.frames or None
            """How many frames the file says it has, which need not be true; `frame_times` counts them."""

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between readings."""

    def frame_times(self) -> list[int]:
        """The pts of every whole frame, in the order in which they are shown, read without decoding.

        Of a file that is cut off, these are the frames before the cut; `damage` says what is wrong then.
        """
        return list(self._index().times)

    @property
    def damage(self) -> str | None:
        """Why the file ends too early; None if nothing is missing."""
        return self._index().damage

    def check_whole(self) -> None:
        """Raises MienError if the file ends too early, before any frame is decoded."""
        if self.damage:
            raise self._error(self.damage, frame=len(self.frame_times()))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """The frames of that range; their pixels are the same wherever the range begins.

        start, stop: numbers of frames, from 0; stop None: to the end. What lies beyond the end is left out.

        Raises MienError naming the file and the frame's number at a frame that is missing or damaged; the frames before
        it have been given by then.
        """
        times, _, end, damage = self._index()
        wanted, until = times[start:stop], [*times[1:], end]
        index = start
        for frame in self._decoded_from(wanted[0]) if wanted else ():
            if frame.pts is None or frame.pts < times[index]:
                continue
            if frame.pts > times[index] or frame.is_corrupt:
                break
            yield Frame(index, frame.pts, self._as_rgb(frame, index), until[index] - frame.pts)
            index += 1
            if index == start + len(wanted):
                break
        if index < start + len(wanted):
            raise self._error("it does not decode", frame=index)
        if damage and (stop is None or stop > len(times)):
            raise self._error(damage, frame=len(times))

    def _index(self) -> _Index:
        if self._known_index is None:
            with self._opened() as (container, stream):
                self._known_index = _index_of(container, stream) or self._index_by_decoding()
        return self._known_index

    def _index_by_decoding(self) -> _Index:
        with self._opened() as (container, stream):
            frames = [(frame.pts, frame.duration or 0) for frame in self._decoded(container, stream)]
        times = [pts for pts, _ in frames if pts is not None]
        end = max((pts + duration for pts, duration in frames if pts is not None), default=0)
        # Without times in its packets, a file has no place to seek to: every reading begins at its first frame.
        return _Index(times, times[:1], end, None)

    def _decoded_from(self, time: int) -> Iterator[VideoFrame]:
        """Decoded frames from that one or an earlier one on."""
        keyframes = self._index().keyframes
        for keyframe in reversed(keyframes[1 : bisect_right(keyframes, time)]):
            with self._opened() as (container, stream):
                container.seek(keyframe, stream=stream)
                frames = self._decoded(container, stream)
                first = next(frames, None)
                # Some containers land behind the time that was asked for: begin a keyframe earlier then.
                if first is not None and first.pts is not None and first.pts <= time:
                    yield from chain([first], frames)
                    return
        with self._opened() as (container, stream):
            yield from self._decoded(container, stream)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Frames up to the end, or up to a packet that the decoder refuses."""
        try:
            for packet in container.demux(stream):
                if not packet.is_corrupt:
                    yield from packet.decode()
        except av.error.FFmpegError:
            yield from _flushed(stream)

    def _as_rgb(self, frame: VideoFrame, index: int) -> RgbImage:
        width, height = self._coded_size
        space = self.color.matrix(height) if frame.colorspace == _UNSPECIFIED else frame.colorspace
        try:
            image = frame.to_ndarray(
                format="rgb24", width=width, height=height, src_colorspace=space, interpolation=CONVERSION, threads=1
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise self._error(f"its colors ({frame.format.name}) cannot be converted: {error}", frame=index) from error
        return np.ascontiguousarray(_upright(cast(RgbImage, image), self._turn))

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        try:
            container = av.open(str(self.path))
        except (av.error.FFmpegError, OSError) as error:
            raise self._error(_why_not_opened(self.path, error)) from error
        with container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise self._error("it holds no video stream")
            stream.thread_count = self._threads
            stream.thread_type = "AUTO"
            yield container, stream

    def _error(self, reason: str, *, frame: int | None = None) -> MienError:
        if frame is None:
            return MienError(
                f"{self.path} cannot be read: {reason}.", "Leave it out, or export it again from its origin."
            )
        return MienError(
            f"{self.path} cannot be read from frame {frame} on: {reason}.",
            "Cut it before that frame, or export it again from its origin.",
        )


def _index_of(container: InputContainer, stream: VideoStream) -> _Index | None:
    """What the packets tell; None if they do not tell when each frame is shown."""
    packets: list[Packet[VideoStream]] = []
    end_seconds = 0.0
    for packet in container.demux():
        if packet.dts is not None:
            end_seconds = max(end_seconds, float((packet.dts + (packet.duration or 0)) * packet.time_base))
        if packet.stream_index == stream.index and packet.size:
            packets.append(cast("Packet[VideoStream]", packet))
    if stream.codec_context.name in _PACKETS_WITHOUT_FRAME or any(packet.pts is None for packet in packets):
        return None
    damage, whole_until = _where_cut(container, stream, packets, end_seconds)
    pts = [packet.pts for packet in packets if packet.pts is not None and not packet.is_discard]
    keyframes = sorted(packet.pts for packet in packets if packet.pts is not None and packet.is_keyframe)
    # A recording may begin within a group of images: what is shown before the first keyframe never decodes.
    first = keyframes[0] if keyframes else 0
    times = sorted(time for time in pts if time >= first and (whole_until is None or time <= whole_until))
    return _Index(times, keyframes, _end(stream, packets, times), damage)


def _end(stream: VideoStream, packets: list["Packet[VideoStream]"], times: list[int]) -> int:
    """When the last frame is over.

    The whole stream's duration tells it, often in milliseconds only. A packet's duration is exact, but lasts to the
    next packet, not to the next frame; so it serves where the two agree as far as milliseconds go, or the file says
    nothing of the whole.
    """
    last = times[-1] if times else 0
    told = (stream.start_time or 0) + (stream.duration or 0)
    by_packet = last + (packets[-1].duration or 0 if packets else 0)
    agree = abs(told - by_packet) * (stream.time_base or 0) < _ROUNDING_SECONDS
    return told if told > last and not agree else by_packet


def _where_cut(
    container: InputContainer, stream: VideoStream, packets: list["Packet[VideoStream]"], end_seconds: float
) -> tuple[str | None, int | None]:
    """Why packets are missing at the end, and until which time all frames are there; None, None if none is missing.

    A packet that is missing would be shown at or after the time at which it would be decoded; so every frame up to that
    time is there.
    """
    if packets and packets[-1].is_corrupt:
        return "the file is cut off within it", packets[-1].dts
    if "mp4" in container.format.name and len(stream.index_entries) > len(packets):
        return "the file is cut off before it", stream.index_entries[len(packets)].timestamp
    said = (container.duration or 0) / av.time_base
    if "matroska" in container.format.name and said > end_seconds + _CUT_OFF_SECONDS:
        return f"the file is cut off before it ({end_seconds:.1f} of {said:.1f} s are there)", (
            packets[-1].dts if packets else None
        )
    return None, None


def _flushed(stream: VideoStream) -> Iterator[VideoFrame]:
    """What the decoder still holds back after it refused a packet."""
    try:
        yield from stream.decode(None)
    except av.error.FFmpegError:
        return


def _display_matrix(frame: VideoFrame) -> NDArray[np.int32]:
    """The upper left of the frame's display matrix, int32 (2, 2): rows are where x and y go, as (x, y)."""
    side_data = cast("Mapping[str, Any]", frame.side_data).get("DISPLAYMATRIX")
    if side_data is None:
        return np.eye(2, dtype=np.int32)
    return np.frombuffer(bytes(side_data), np.int32).reshape(3, 3)[:2, :2]


def _is_sideways(matrix: NDArray[np.int32]) -> bool:
    return bool(abs(matrix[0, 0]) < abs(matrix[0, 1]))


def _upright(image: RgbImage, matrix: NDArray[np.int32]) -> RgbImage:
    """Turn and mirror by quarter turns; other angles, which no camera writes, count as the nearest of them."""
    if _is_sideways(matrix):
        image, matrix = cast(RgbImage, cv2.transpose(image)), matrix[::-1]
    mirrored_x, mirrored_y = matrix[0, 0] < 0, matrix[1, 1] < 0
    if mirrored_x or mirrored_y:
        image = cast(RgbImage, cv2.flip(image, -1 if mirrored_x and mirrored_y else int(mirrored_x)))
    return image


def _why_not_opened(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "it may not be read"
    if path.stat().st_size == 0:
        return "it is empty"
    with path.open("rb") as file:
        if file.read(8)[4:] == b"ftyp":
            return "its index (moov) is missing, as in a file that was cut off"
    return "it is not a video of a known format"
