"""When packets are due: times that grow, where a file's own clock starts again, jumps, or stands still."""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.packet import Packet

_BACK_SECONDS = 0.1
"""A clock that goes back by more starts again: two recordings were joined."""
_AHEAD_SECONDS = 10.0
"""In a broadcast stream, a clock that goes ahead by more was set anew, as FFmpeg takes it too."""
_SAME_JUMP_SECONDS = 5.0
_TORN_PACKETS = 4
_SET_ANEW = ("mpegts", "mpeg")


@dataclass(frozen=True, slots=True)
class Timeline:
    """How far the times in a file are to be moved; nothing for nearly all files."""

    moves: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Stream → from which of its packets on, times are moved by how much, in units of the stream."""
    times: dict[int, list[int]] = field(default_factory=dict)
    """Stream → when each of its packets is due, where several share a time; sound only."""

    def jumps_soon(self, stream: int, number: int) -> bool:
        """Whether the stream's clock starts again, or jumps, soon after the packet of that number."""
        return any(first - _TORN_PACKETS <= number < first for first, _ in self.moves.get(stream, ()))

    def is_moved(self, stream: int) -> bool:
        """Whether any of the stream's packets is."""
        return stream in self.moves

    def place(self, packet: "Packet[Any]", number: int) -> None:
        """Give a packet its time. number: of the packets of its stream that hold anything, which it is, from 0."""
        stream = packet.stream_index
        if stream in self.times:
            due = self.times[stream]
            packet.pts = packet.dts = due[min(number, len(due) - 1)]
        elif stream in self.moves:
            by = sum(ticks for first, ticks in self.moves[stream] if first <= number)
            packet.pts = None if packet.pts is None else packet.pts + by
            packet.dts = None if packet.dts is None else packet.dts + by


def growing(times: Sequence[int], usual: int = 1) -> list[int]:
    """Times of which each is later than the one before: those that share one are spread up to the next.

    usual: how far apart they are where none comes after.
    """
    later: list[int] = []
    index = 0
    while index < len(times):
        until = index + 1
        while until < len(times) and times[until] <= times[index]:
            until += 1
        room = times[until] - times[index] if until < len(times) else usual * (until - index)
        later += [times[index] + room * step // (until - index) for step in range(until - index)]
        index = until
    for at in range(1, len(later)):  # where there is no room, those after it make some
        later[at] = max(later[at], later[at - 1] + 1)
    return later


@dataclass(slots=True)
class _Jump:
    position: int
    """Of the packet in the file."""
    number: int
    """Of the packet in its stream."""
    before: float
    after: float
    """Seconds: when the packet before was over, and when this one is due."""

    @property
    def is_back(self) -> bool:
        return self.after < self.before


class TimelineReader:
    """Told all packets of a file in order, it says how their times are to be moved."""

    def __init__(self, container: InputContainer, video: int) -> None:
        self._video = video
        self._set_anew = container.format.name in _SET_ANEW
        self._unit = {stream.index: stream.time_base or Fraction(1, 1) for stream in container.streams}
        self._sound = {stream.index for stream in container.streams.audio}
        self._dts: defaultdict[int, array[int]] = defaultdict(lambda: array("q"))
        self._over: dict[int, int] = {}
        self._told: set[int] = set()
        self._jumps: defaultdict[int, list[_Jump]] = defaultdict(list)
        self._position = 0

    def add(self, packet: "Packet[Any]") -> None:
        """A packet that holds something."""
        stream = packet.stream_index
        self._position += 1
        over = self._over.get(stream)
        dts = packet.dts if packet.dts is not None else over
        if dts is None:
            dts = packet.pts or 0
        elif over is not None and stream in self._told and stream in (self._video, *self._sound):
            unit = self._unit[stream]
            ahead = float((dts - over) * unit)
            last = self._dts[stream][-1]
            if (dts - last) * unit < -_BACK_SECONDS or (self._set_anew and ahead > _AHEAD_SECONDS):
                number = len(self._dts[stream])
                self._jumps[stream].append(_Jump(self._position, number, float(over * unit), float(dts * unit)))
        if packet.dts is not None:
            self._told.add(stream)
        self._dts[stream].append(dts)
        self._over[stream] = dts + (packet.duration or 0)

    def timeline(self) -> Timeline:
        """What the packets told so far."""
        moves = self._moves()
        times: dict[int, list[int]] = {}
        for stream in self._sound & set(self._dts):
            dts = self._dts[stream]
            if all(one < other for one, other in pairwise(dts)):
                continue
            moved, by = list(dts), 0
            starts = dict(moves.get(stream, ()))
            for number in range(len(moved)):
                by += starts.get(number, 0)
                moved[number] += by
            times[stream] = growing(moved, max(1, self._over[stream] - dts[-1]))
        return Timeline(moves, times)

    def _moves(self) -> dict[int, list[tuple[int, int]]]:
        """Where video and sound jump together, they are moved together, and so stay in step."""
        moves: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        left = {stream: list(jumps) for stream, jumps in self._jumps.items() if stream != self._video}
        moved: defaultdict[int, float] = defaultdict(float)
        for jump in self._jumps.get(self._video, ()):
            together = {self._video: jump}
            for stream, jumps in left.items():
                near = [
                    one
                    for one in jumps
                    if one.is_back == jump.is_back and abs(one.after - jump.after) < _SAME_JUMP_SECONDS
                ]
                if near:
                    together[stream] = min(near, key=lambda one: abs(one.position - jump.position))
                    jumps.remove(together[stream])
            to = max(one.before + moved[stream] - one.after for stream, one in together.items())
            for stream, one in together.items():
                by = to - moved[stream]
                moved[stream] = to
                moves[stream].append((one.number, round(by / self._unit[stream])))
        for stream, jumps in left.items():  # sound that starts again without the images
            for one in jumps:
                if one.is_back:
                    moves[stream].append((one.number, round((one.before - one.after) / self._unit[stream])))
            moves[stream].sort()
        return {stream: steps for stream, steps in moves.items() if steps}
