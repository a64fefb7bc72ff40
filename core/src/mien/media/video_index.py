"""What the packets of a video tell of its frames, without decoding: their times, keyframes, and where it is cut off."""

from collections.abc import Sequence
from pathlib import Path
from struct import unpack
from typing import NamedTuple, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from mien.media.timeline import Timeline, TimelineReader

_CUT_OFF_SECONDS = 0.5
_ROUNDING_SECONDS = 0.002
_BOX_HEAD_BYTES = 8
_PACKETS_WITHOUT_FRAME = ("vp8", "libvpx")  # their alternate reference frames are never shown


class VideoIndex(NamedTuple):
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


def index_of(container: InputContainer, stream: VideoStream) -> VideoIndex:
    """What the packets tell; without `stored` if they do not tell when each frame is shown."""
    packets: list[Packet[VideoStream]] = []
    clock = TimelineReader(container, stream.index)
    end_seconds = 0.0
    for packet in container.demux():
        due = [time for time in (packet.dts, packet.pts) if time is not None]
        if due:
            end_seconds = max(end_seconds, float((max(due) + (packet.duration or 0)) * packet.time_base))
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
        return VideoIndex([], None, [], 0, damage, is_cut, timeline)
    pts = [packet.pts for packet in packets if packet.pts is not None and not packet.is_discard]
    keyframes = sorted(packet.pts for packet in packets if packet.pts is not None and packet.is_keyframe)
    if timeline.is_moved(stream.index) or len(set(pts)) < len(pts):
        return VideoIndex([], None, keyframes, 0, damage, is_cut, timeline)
    # A recording may begin within a group of images: what is shown before the first keyframe never decodes.
    first = keyframes[0] if keyframes else 0
    times = sorted(time for time in pts if time >= first and (whole_until is None or time <= whole_until))
    return VideoIndex(times, times, keyframes, _end(stream, packets, times), damage, is_cut, timeline)


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


def filled(times: Sequence[int | None], usual: int) -> list[int]:
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
