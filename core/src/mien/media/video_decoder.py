"""How the frames of a video file are decoded, in the order in which they are shown, from any of them on."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mien.errors import MienError
from mien.media.deinterlace import FRAMES_BEFORE, deinterlaced
from mien.media.timeline import Timeline, growing
from mien.media.video_index import VideoIndex, filled, index_of


class VideoDecoder:
    """The frames of a file as they are stored: neither upright nor in RGB; lines that were taken at two times are made
    one image. Each reading opens the file anew, so several may run at once.

    threads: how many threads decode one reading; 0: one per core. is_interlaced, stream_index, time_base (seconds per
    unit of time) and rate (frames per second): as the file says them.
    """

    def __init__(
        self,
        path: Path,
        threads: int,
        *,
        is_interlaced: bool,
        stream_index: int,
        time_base: Fraction,
        rate: Fraction,
    ) -> None:
        self.path = path
        self._threads = threads
        self._is_interlaced, self._stream_index = is_interlaced, stream_index
        self._time_base, self._rate = time_base, rate
        self._known_index: VideoIndex | None = None

    def index(self) -> VideoIndex:
        """What is known of the frames, read from the file the first time. Raises MienError if it is damaged."""
        if self._known_index is None:
            with opened(self.path, self._threads) as (container, stream):
                index = index_of(container, stream)
            self._known_index = self._index_by_decoding(index) if index.stored is None else index
        return self._known_index

    def _index_by_decoding(self, packets: VideoIndex) -> VideoIndex:
        """What the frames tell, where the packets do not."""
        with opened(self.path, self._threads) as (container, stream):
            found = decoded(container, stream, packets.timeline)
            frames = [(frame.pts, frame.duration or 0, frame.key_frame) for frame in found]
            usual = round(1 / (self._rate * self._time_base)) or 1
        stored = filled([pts for pts, _, _ in frames], usual)
        times = growing(stored, usual)
        end = times[-1] + (frames[-1][1] or usual) if times else 0
        is_told = all(pts is not None for pts, _, _ in frames) and all(one <= other for one, other in pairwise(stored))
        if not is_told or packets.timeline.is_moved(self._stream_index):
            return packets._replace(times=times, stored=None, keyframes=times[:1], end=end)
        known = Counter(stored)
        keyframes = [pts for pts, (_, _, is_key) in zip(stored, frames, strict=True) if is_key and known[pts] == 1]
        # Without times in its packets, a file has no place to seek to: every reading begins at its first frame.
        keyframes = keyframes if packets.keyframes else times[:1]
        return packets._replace(times=times, stored=stored, keyframes=keyframes, end=end)

    def frames(self, start: int, stop: int) -> Iterator[VideoFrame]:
        """The decoded frames of that range, up to the first that is missing.

        start, stop: numbers of frames of which the index tells, start < stop. Raises MienError if the file is damaged.
        """
        index = self.index()
        if index.stored is None:
            with opened(self.path, self._threads) as (container, stream):
                yield from islice(self._whole(decoded(container, stream, index.timeline)), start, stop)
            return
        stored = index.stored
        at = bisect_left(stored, stored[start])
        # How a frame is made whole depends on the one before.
        begin = stored[max(0, at - FRAMES_BEFORE)] if self._is_interlaced else stored[at]
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
        if not self._is_interlaced:
            return frames
        unit = self._time_base
        return (_timed(frame, unit) for frame in deinterlaced(frames))

    def _decoded_from(self, time: int) -> Iterator[VideoFrame]:
        """Decoded frames from that one or an earlier one on."""
        keyframes = self.index().keyframes
        for keyframe in reversed(keyframes[1 : bisect_right(keyframes, time)]):
            with opened(self.path, self._threads) as (container, stream):
                container.seek(keyframe, stream=stream)
                frames = decoded(container, stream, Timeline())
                first = next(frames, None)
                # Some containers land behind the time that was asked for: begin a keyframe earlier then.
                if first is not None and first.pts is not None and first.pts <= time:
                    yield from chain([first], frames)
                    return
        with opened(self.path, self._threads) as (container, stream):
            yield from decoded(container, stream, Timeline())


@contextmanager
def opened(path: Path, threads: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its stream of images, to be decoded by so many threads; 0: one per core.

    Raises MienError if it cannot be opened or holds no video, or at damage within the block.
    """
    try:
        if path.exists() and not path.is_file():
            raise unreadable(path, "it is no file, but a folder, a pipe or a device; copy what it gives into a file")
        container = av.open(url_of(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise unreadable(path, _why_not_opened(path, error)) from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise unreadable(path, "it holds no video stream")
        stream.thread_count = threads
        stream.thread_type = "AUTO"
        try:
            yield container, stream
        except av.error.FFmpegError as error:
            raise unreadable(path, f"it is damaged ({error.strerror})") from error


def decoded(container: InputContainer, stream: VideoStream, timeline: Timeline) -> Iterator[VideoFrame]:
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


def unreadable(path: Path, reason: str, *, frame: int | None = None) -> MienError:
    """The error that says why a file cannot be read; frame: from which frame on, None: at all."""
    if frame is None:
        return MienError(f"{path} cannot be read: {reason}.", "Leave it out, or export it again from its origin.")
    return MienError(
        f"{path} cannot be read from frame {frame} on: {reason}.",
        "Cut it before that frame, or export it again from its origin.",
    )


def url_of(path: Path) -> str:
    """A path as FFmpeg takes it, for which a relative one with a colon would be one of a protocol."""
    return str(path.absolute())


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
