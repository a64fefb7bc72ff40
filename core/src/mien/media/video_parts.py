"""Parts of a video that is written: each a file of encoded images alone, which are then joined packet by packet."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.packet import Packet

from mien.contracts.face import RgbImage
from mien.media.files import whole_file
from mien.media.image_encoder import ImageEncoder
from mien.media.video_decoder import url_of
from mien.media.video_reader import Frame, VideoSource

PART_SUFFIX = ".nut"
"""NUT (https://ffmpeg.org/nut.html) keeps every byte of a packet of any codec, and every time in its own unit."""

_FIRST_SECONDS = 3600


class PartSink:
    """A part to write to, as a context manager; the file stands there when the block ends without an error.

    path: where to, with `PART_SUFFIX`. like: the video that the images come from. suffix: of the file that the part is
    for. quality, encoder: as of `VideoSink`. Its first image can be decoded without those before it. Its times count
    from an hour before it.

    Raises MienError as `whole_file`.
    """

    def __init__(self, path: Path, like: VideoSource, *, suffix: str, quality: int, encoder: str | None = None) -> None:
        self._path, self._like = path, like
        self._images = ImageEncoder(like, suffix, quality, encoder)
        self._stack = ExitStack()
        self._shift: int | None = None

    def __enter__(self) -> "PartSink":
        with ExitStack() as stack:
            partial = stack.enter_context(whole_file(self._path))
            self._output = stack.enter_context(av.open(url_of(partial), "w", options={"fflags": "+bitexact"}))
            self._video = self._images.add_to(self._output)
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def write(self, image: RgbImage, pts: int, duration: int = 0, before: Frame | None = None) -> None:
        """Add a frame, as `VideoSink.write`, in the times of the source."""
        frame = self._images.frame(self._video, image, before)
        if self._shift is None:  # what is decoded before it is shown, has a time below its own, but not below 0
            self._shift = round(_FIRST_SECONDS / self._like.time_base) - pts
        frame.pts, frame.time_base, frame.duration = pts + self._shift, self._like.time_base, duration
        self._output.mux(self._video.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._output.mux(self._video.encode(None))


def packets_of(part: Path) -> "Iterator[Packet[Any]]":
    """The packets of a part, in the order in which they are decoded."""
    with av.open(url_of(part)) as written:
        for packet in written.demux(video=0):
            if packet.size:
                yield packet


def shown_order(part: Path) -> list[int]:
    """Of each packet of a part, in the order of decoding, which of its images it is, in the order of showing."""
    times = [packet.pts or 0 for packet in packets_of(part)]
    rank = {time: number for number, time in enumerate(sorted(times))}
    return [rank[time] for time in times]


def decoding_times(times: Sequence[int], ahead: int) -> list[int]:
    """When the packets of a video are decoded, in that order, as x264 tells it; none is later than it is shown.

    times: when its frames are shown, ascending. ahead: by how many packets one is decoded before it is shown, at most.
    """
    ahead = min(ahead, len(times) - 1)
    before = times[ahead] - times[0]
    return [*(time - before for time in times[:ahead]), *times[: len(times) - ahead]]
