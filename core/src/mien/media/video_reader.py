"""What frames a video holds: upright RGB images with their times, in order or from anywhere."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from struct import unpack
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
from mien.media.deep_color import HdrMetadata, bits_of
from mien.media.deinterlace import FRAMES_BEFORE, deinterlaced, is_interlaced
from mien.media.timeline import Timeline, TimelineReader, growing

# Without the last two, swscale takes a short cut that makes 4:2:0 images 1.3 levels darker than the standard says.
CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_RGB = 0
_UNSPECIFIED = 2
_HD_LINES = 720
_CUT_OFF_SECONDS = 0.5
_ROUNDING_SECONDS = 0.002
_BOX_HEAD_BYTES = 8
_HAS_ALPHA = re.compile(r"yuva|rgba|bgra|argb|abgr|gbrap|ya8|ya16")
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
    deep: NDArray[np.uint16] | None = None
    """The image in 16 bits, uint16 (H, W, 3), if the file has more than 8; with `VideoSource.frames(deep=True)`."""


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
    """When each whole frame is shown; they grow."""
    stored: list[int] | None
    """The pts that the decoder gives of each, ascending, of which several may be equal; None: frames are counted."""
    keyframes: list[int]
    """pts at which decoding can begin, ascending."""
    end: int
    """pts at which the last frame is over."""
    damage: str | None
    """Why there are no more frames than these; None if the file is whole."""
    ends_in_fragment: bool
    """Whether it is a file of fragments, made to be usable when it is cut off, and cut off in one."""
    timeline: Timeline
    """How the times of packets are to be moved."""


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
            first = next(self._decoded(container, stream, Timeline()), None)
            if first is None:
                raise self._error("it holds no frame that can be decoded")
            self._turn = _display_matrix(first)
            self.is_interlaced = is_interlaced(stream, first)
            """Whether its lines were taken at two times in turn; its frames are made whole."""
            self._coded_size = (first.width, first.height)
            shape = stream.sample_aspect_ratio or Fraction(1)
            self.width, self.height = self._coded_size
            """In pixels, upright."""
            self.pixel_shape = shape
            """Width of a pixel over its height, upright."""
            if _is_sideways(self._turn):
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
        """The pts of every whole frame, in the order in which they are shown; they grow.

        They are read without decoding, except where several share a time, or the file's clock starts again.
        Of a file that is cut off, these are the frames before the cut; `damage` says what is wrong then.
        """
        return list(self._index().times)

    @property
    def damage(self) -> str | None:
        """Why the file ends too early; None if nothing is missing."""
        return self._index().damage

    @property
    def cut_off(self) -> str | None:
        """What is missing of a file of fragments, which is made to be usable when it is cut off; None: nothing."""
        if not self._index().ends_in_fragment:
            return None
        return (
            f"the source is cut off within a fragment; what came after frame {len(self.frame_times()) - 1} is missing"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file is not in its frames, as sentences without an end."""
        made_whole = "the source is interlaced; its frames are deinterlaced" if self.is_interlaced else None
        alpha = "transparency is left out" if _HAS_ALPHA.search(self.pixel_format) else None
        return tuple(filter(None, [self.cut_off, made_whole, alpha]))

    def check_whole(self) -> None:
        """Raises MienError if the file ends too early, before any frame is decoded."""
        if self.damage:
            raise self._error(self.damage, frame=len(self.frame_times()))

    def frames(self, start: int = 0, stop: int | None = None, *, deep: bool = False) -> Iterator[Frame]:
        """The frames of that range; their pixels are the same wherever the range begins.

        start, stop: numbers of frames, from 0; stop None: to the end. What lies beyond the end is left out.
        deep: whether a video of more than 8 bits gives its images in 16 bits too.

        Raises MienError naming the file and the frame's number at a frame that is missing or damaged; the frames before
        it have been given by then.
        """
        index = self._index()
        times = index.times
        until = [*times[1:], index.end]
        stop_at = min(len(times), len(times) if stop is None else stop)
        at = start
        for frame in self._frames_from(index, start, stop_at) if start < stop_at else ():
            if frame.is_corrupt:
                break
            in_16_bits = self._as_rgb(frame, at, "rgb48le") if deep and self.bits > 8 else None
            yield Frame(at, times[at], self._as_rgb(frame, at), until[at] - times[at], in_16_bits)
            at += 1
        if at < stop_at:
            raise self._error("it does not decode", frame=at)
        if index.damage and (stop is None or stop > len(times)):
            raise self._error(index.damage, frame=len(times))

    @property
    def timeline(self) -> Timeline:
        """How the times of the file's packets are to be moved, so that those of each stream grow."""
        return self._index().timeline

    def _index(self) -> _Index:
        if self._known_index is None:
            with self._opened() as (container, stream):
                index = _index_of(container, stream)
            self._known_index = self._index_by_decoding(index) if index.stored is None else index
        return self._known_index

    def _index_by_decoding(self, packets: _Index) -> _Index:
        """What the frames tell, where the packets do not."""
        with self._opened() as (container, stream):
            found = self._decoded(container, stream, packets.timeline)
            frames = [(frame.pts, frame.duration or 0, frame.key_frame) for frame in found]
            usual = round(1 / (self.rate * self.time_base)) or 1
        stored = _filled([pts for pts, _, _ in frames], usual)
        times = growing(stored, usual)
        end = times[-1] + (frames[-1][1] or usual) if times else 0
        is_told = all(pts is not None for pts, _, _ in frames) and all(one <= other for one, other in pairwise(stored))
        if not is_told or packets.timeline.is_moved(self.stream_index):
            return packets._replace(times=times, stored=None, keyframes=times[:1], end=end)
        known = Counter(stored)
        keyframes = [pts for pts, (_, _, is_key) in zip(stored, frames, strict=True) if is_key and known[pts] == 1]
        # Without times in its packets, a file has no place to seek to: every reading begins at its first frame.
        keyframes = keyframes if packets.keyframes else times[:1]
        return packets._replace(times=times, stored=stored, keyframes=keyframes, end=end)

    def _frames_from(self, index: _Index, start: int, stop: int) -> Iterator[VideoFrame]:
        """The decoded frames of that range, up to the first that is missing."""
        if index.stored is None:
            with self._opened() as (container, stream):
                yield from islice(self._whole(self._decoded(container, stream, index.timeline)), start, stop)
            return
        stored = index.stored
        at = bisect_left(stored, stored[start])
        # How a frame is made whole depends on the one before.
        begin = stored[max(0, at - FRAMES_BEFORE)] if self.is_interlaced else stored[at]
        for frame in self._whole(self._decoded_from(begin)):
            if frame.pts is None or frame.pts < stored[at]:
                continue
            if frame.pts > stored[at]:
                return
            if at >= start:
                yield frame
            at += 1
            if at == stop:
                return

    def _whole(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        if not self.is_interlaced:
            return frames
        unit = self.time_base
        return (_timed(frame, unit) for frame in deinterlaced(frames))

    def _decoded_from(self, time: int) -> Iterator[VideoFrame]:
        """Decoded frames from that one or an earlier one on."""
        keyframes = self._index().keyframes
        for keyframe in reversed(keyframes[1 : bisect_right(keyframes, time)]):
            with self._opened() as (container, stream):
                container.seek(keyframe, stream=stream)
                frames = self._decoded(container, stream, Timeline())
                first = next(frames, None)
                # Some containers land behind the time that was asked for: begin a keyframe earlier then.
                if first is not None and first.pts is not None and first.pts <= time:
                    yield from chain([first], frames)
                    return
        with self._opened() as (container, stream):
            yield from self._decoded(container, stream, Timeline())

    def _decoded(self, container: InputContainer, stream: VideoStream, timeline: Timeline) -> Iterator[VideoFrame]:
        """Frames up to the end, or up to a packet that the decoder refuses."""
        number = 0
        try:
            for packet in container.demux(stream):
                if packet.size:
                    timeline.place(packet, number)
                    number += 1
                    if packet.is_corrupt and timeline.jumps_soon(stream.index, number):
                        # Where recordings were joined, the last packets only count as torn: another's follow.
                        yield from stream.codec_context.decode(_without_flags(packet))
                if not packet.is_corrupt:
                    yield from packet.decode()
        except av.error.FFmpegError:
            yield from _flushed(stream)

    def _as_rgb(self, frame: VideoFrame, index: int, kind: str = "rgb24") -> NDArray[Any]:
        width, height = self._coded_size
        space = self.color.matrix(height) if frame.colorspace == _UNSPECIFIED else frame.colorspace
        try:
            image = frame.to_ndarray(
                format=kind, width=width, height=height, src_colorspace=space, interpolation=CONVERSION, threads=1
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise self._error(f"its colors ({frame.format.name}) cannot be converted: {error}", frame=index) from error
        return np.ascontiguousarray(_upright(image, self._turn))

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        try:
            if self.path.exists() and not self.path.is_file():
                raise self._error("it is no file, but a folder, a pipe or a device; copy what it gives into a file")
            container = av.open(url_of(self.path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            raise self._error(_why_not_opened(self.path, error)) from error
        with container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise self._error("it holds no video stream")
            stream.thread_count = self._threads
            stream.thread_type = "AUTO"
            try:
                yield container, stream
            except av.error.FFmpegError as error:
                raise self._error(f"it is damaged ({error.strerror})") from error

    def _error(self, reason: str, *, frame: int | None = None) -> MienError:
        if frame is None:
            return MienError(
                f"{self.path} cannot be read: {reason}.", "Leave it out, or export it again from its origin."
            )
        return MienError(
            f"{self.path} cannot be read from frame {frame} on: {reason}.",
            "Cut it before that frame, or export it again from its origin.",
        )


def url_of(path: Path) -> str:
    """A path as FFmpeg takes it, for which a relative one with a colon would be one of a protocol."""
    return str(path.absolute())


def _index_of(container: InputContainer, stream: VideoStream) -> _Index:
    """What the packets tell; without `stored` if they do not tell when each frame is shown."""
    packets: list[Packet[VideoStream]] = []
    clock = TimelineReader(container, stream.index)
    end_seconds = 0.0
    for packet in container.demux():
        if packet.dts is not None:
            end_seconds = max(end_seconds, float((packet.dts + (packet.duration or 0)) * packet.time_base))
        if packet.size:
            clock.add(packet)
            if packet.stream_index == stream.index:
                packets.append(cast("Packet[VideoStream]", packet))
    timeline = clock.timeline()
    is_cut = "mp4" in container.format.name and _is_fragment_cut(Path(container.name))
    if is_cut:
        damage, whole_until = None, packets[-1].dts if packets and packets[-1].is_corrupt else None
    else:
        damage, whole_until = _where_cut(container, stream, packets, end_seconds)
    if stream.codec_context.name in _PACKETS_WITHOUT_FRAME or any(packet.pts is None for packet in packets):
        return _Index([], None, [], 0, damage, is_cut, timeline)
    pts = [packet.pts for packet in packets if packet.pts is not None and not packet.is_discard]
    keyframes = sorted(packet.pts for packet in packets if packet.pts is not None and packet.is_keyframe)
    if timeline.is_moved(stream.index) or len(set(pts)) < len(pts):
        return _Index([], None, keyframes, 0, damage, is_cut, timeline)
    # A recording may begin within a group of images: what is shown before the first keyframe never decodes.
    first = keyframes[0] if keyframes else 0
    times = sorted(time for time in pts if time >= first and (whole_until is None or time <= whole_until))
    return _Index(times, times, keyframes, _end(stream, packets, times), damage, is_cut, timeline)


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


def _filled(times: Sequence[int | None], usual: int) -> list[int]:
    """The same times, and where one is not told, those before and after it, `usual` apart."""
    first = next((number for number, time in enumerate(times) if time is not None), len(times))
    told = times[first] if first < len(times) else None
    filled = [(told or 0) - (first - number) * usual for number in range(first)]
    for time in times[first:]:
        filled.append(filled[-1] + usual if time is None else time)
    return filled


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


def _is_fragment_cut(path: Path) -> bool:
    """Whether the last box of a fragmented file is longer than what is left of the file."""
    length, place, is_fragmented = path.stat().st_size, 0, False
    with path.open("rb") as file:
        while place + _BOX_HEAD_BYTES <= length:
            file.seek(place)
            size, kind, large = unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            is_fragmented |= kind == b"moof"
            size = large if size == 1 else size or length - place
            place += max(size, _BOX_HEAD_BYTES)
    return is_fragmented and place != length


def _timed(frame: VideoFrame, unit: Fraction) -> VideoFrame:
    """The frame with its time in that unit."""
    if frame.pts is not None and frame.time_base is not None and frame.time_base != unit:
        frame.pts, frame.time_base = round(frame.pts * frame.time_base / unit), unit
    return frame


def _without_flags(packet: "Packet[VideoStream]") -> "Packet[VideoStream]":
    copy = cast("Packet[VideoStream]", Packet(bytes(packet)))
    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
    copy.is_keyframe = packet.is_keyframe
    return copy


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


def _upright(image: NDArray[Any], matrix: NDArray[np.int32]) -> NDArray[Any]:
    """Turn and mirror by quarter turns; other angles, which no camera writes, count as the nearest of them."""
    if _is_sideways(matrix):
        image, matrix = cv2.transpose(image), matrix[::-1]
    mirrored_x, mirrored_y = matrix[0, 0] < 0, matrix[1, 1] < 0
    if mirrored_x or mirrored_y:
        image = cv2.flip(image, -1 if mirrored_x and mirrored_y else int(mirrored_x))
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
