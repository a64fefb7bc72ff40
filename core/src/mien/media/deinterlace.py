"""Whole images from interlaced ones, whose odd and even lines were taken at different times."""

from collections.abc import Iterator
from typing import cast

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FRAMES_BEFORE = 1
"""So many frames before one have a say in how it looks, and as many after it."""
_PROGRESSIVE = (0, 1)  # FFmpeg's AV_FIELD_UNKNOWN and AV_FIELD_PROGRESSIVE


def is_interlaced(stream: VideoStream, first: VideoFrame) -> bool:
    """Whether a video is, as its stream or its first frame says."""
    return first.interlaced_frame or stream.codec_context.field_order not in _PROGRESSIVE


def deinterlaced(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """As many frames with the same times, the interlaced ones of them made whole, by FFmpeg's bwdif."""
    graph: Graph | None = None
    shape: tuple[int, int, str] | None = None
    for frame in frames:
        if graph is None or shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _rest(graph)
            shape = (frame.width, frame.height, frame.format.name)
            graph = _made_for(frame)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        yield from _rest(graph)


def _made_for(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(
        source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    ).configure()
    return graph


def _rest(graph: Graph) -> Iterator[VideoFrame]:
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = cast(VideoFrame, graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame
