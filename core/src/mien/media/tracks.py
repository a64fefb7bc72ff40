"""What of a video beside its images goes into the new file: sound, subtitles, chapters; and what is left out of it."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.subtitles.stream import SubtitleStream

from mien.media.timeline import Timeline

_OPUS_RATE = 48000
_BITS_PER_CHANNEL = 96_000
_TEXT_CODECS = ("srt", "subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_TEXT_ENCODER = {"webm": "webvtt", "matroska": "srt"}
_PRIMING_SECONDS = Fraction(1, 10)
"""Sound that is not to be heard, but that a decoder may need before what is."""
_MILLISECOND = Fraction(1, 1000)
_NOT_SAID = ("default", "attached_pic", "timed_thumbnails", "still_image", "dependent", "multilayer")
_TITLE_KEYS = ("title", "name")  # the second in .mp4 and .mov
_CHAPTER_HANDLERS = ("subtitle", "chapter")  # chapters stand in an .mp4 twice, the second time as a track
_TRACKS = {"audio": "sound", "video": "video", "subtitle": "subtitles", "data": "data"}


@dataclass(slots=True)
class Track:
    """A stream beside the images that goes into the new file."""

    stream: Any
    """Of the source."""
    target: Any
    """Of the new file."""
    encodes: bool = False
    """Whether it is decoded and encoded anew, as the new file cannot hold it as it is."""


class Tracks:
    """Which streams of a source go into a new file; their packets come in the order of the source.

    source: the video. output: not yet begun. images: the number of the source's stream that is drawn. timeline: of the
    source. sound: whether sound is kept. texts: whether subtitles and chapters are. span: of a part of the source, when
    it begins and is over, in seconds of the source's clock: packets of sound that begin outside of it are left out, and
    subtitles are cut to it; None: where the source does.

    What `output` cannot hold is encoded anew: sound as AAC or Opus, subtitles as the text that it holds; what cannot be
    decoded either is left out. `notes` says so, a line for each kind.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        images: int,
        timeline: Timeline,
        *,
        sound: bool,
        texts: bool,
        span: tuple[Fraction | None, Fraction | None] = (None, None),
    ) -> None:
        self._source, self._output, self._timeline = source, output, timeline
        self._keeps_titles = texts
        self._begin, self._end = span
        self.notes: list[str] = []
        self._tracks: dict[int, Track] = {}
        self._left: Counter[str] = Counter()
        for stream in source.streams:
            if stream.index == images:
                continue
            track = self._track(stream, sound=sound, texts=texts)
            if track:
                self._tracks[stream.index] = track
        self.notes += [
            f"{what} {'are' if count > 1 or what.startswith('subtitles') else 'is'} left out"
            + (f" ({count} of them)" if count > 1 else "")
            for what, count in self._left.items()
        ]

    @property
    def sound(self) -> list[AudioStream]:
        """The source's streams of sound that are kept."""
        return [track.stream for track in self._tracks.values() if track.stream.type == "audio"]

    def lost_labels(self, written: InputContainer) -> list[str]:
        """What is said of the tracks that the new file does not say, as sentences without an end."""
        notes = []
        for track in self._tracks.values():
            lost = _said_of(track.stream, self._keeps_titles) - _said_of(written.streams[track.target.index], True)
            if lost:
                notes.append(f"what is said of {_TRACKS[track.stream.type]} is left out: {', '.join(sorted(lost))}")
        return notes

    def starts(self) -> list[Fraction]:
        """When the sound that is kept is first heard, in seconds of the source's clock; never before a part begins."""
        if self._begin is not None:
            return []
        return [
            stream.start_time * stream.time_base
            for stream in self.sound
            if stream.start_time is not None and stream.time_base is not None
        ]

    def packets(self, origin: Fraction) -> "Iterator[Packet[Any]]":
        """What goes into the new file. origin: what of the source's clock, in seconds, is 0 there."""
        numbers: Counter[int] = Counter()
        encoders = {
            index: _TextEncoder(track) if track.stream.type == "subtitle" else _SoundEncoder(track)
            for index, track in self._tracks.items()
            if track.encodes
        }
        streams = [track.stream for track in self._tracks.values()]
        for packet in self._source.demux(streams) if streams else ():
            if not packet.size:
                continue
            index = packet.stream_index
            self._timeline.place(packet, numbers[index])
            numbers[index] += 1
            if not self._is_in_span(packet):
                continue
            shift = round(origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            if packet.is_discard and packet.pts is not None and packet.pts * packet.time_base < -_PRIMING_SECONDS:
                continue  # cut away by who made the file, though it is still in there
            if index in encoders:
                yield from encoders[index].encoded(packet)
            else:
                packet.stream = self._tracks[index].target
                yield packet
        for encoder in encoders.values():
            yield from encoder.rest()

    def _is_in_span(self, packet: "Packet[Any]") -> bool:
        """Whether a packet belongs to the part; a subtitle that is shown at one of its ends is made shorter."""
        if packet.pts is None:
            return True
        begin, end = (None if time is None else time / packet.time_base for time in (self._begin, self._end))
        if end is not None and packet.pts >= end:
            return False
        if self._tracks[packet.stream_index].stream.type != "subtitle":
            return begin is None or packet.pts >= begin
        over = packet.pts + (packet.duration or 0)
        if begin is not None and packet.pts < begin:
            if over <= begin:
                return False
            packet.pts = packet.dts = ceil(begin)
        packet.duration = (over if end is None else min(over, floor(end))) - packet.pts
        return True

    def _track(self, stream: Stream, *, sound: bool, texts: bool) -> Track | None:
        name = _codec_of(stream)
        if isinstance(stream, AttachmentStream):
            if texts and self._output.format.name == "matroska" and stream.mimetype:
                self._output.add_attachment(stream.name or "", stream.mimetype, stream.data)
            else:
                self._left["an attachment"] += 1
            return None
        if isinstance(stream, AudioStream):
            return self._sound_track(stream, name) if sound else None
        if isinstance(stream, SubtitleStream) and texts and (_holds(self._output, stream) or name in _TEXT_CODECS):
            return self._subtitle_track(stream)
        if stream.type == "video":
            is_cover = "attached_pic" in str(stream.disposition).lower()
            self._left["a cover picture" if is_cover else f"a further video ({name})"] += 1
        elif stream.type == "subtitle":
            self._left[f"subtitles ({name})"] += 1
        elif "timecode" not in stream.metadata and not self._is_of_chapters(stream):
            self._left[f"a track of {_TRACKS.get(stream.type, stream.type)}{f' ({name})' if name else ''}"] += 1
        return None

    def _is_of_chapters(self, stream: Stream) -> bool:
        handler = stream.metadata.get("handler_name", "").lower()
        return bool(self._source.chapters()) and any(part in handler for part in _CHAPTER_HANDLERS)

    def _sound_track(self, stream: AudioStream, name: str) -> Track | None:
        if _holds(self._output, stream):
            return Track(stream, self._copy(stream))
        context = cast("Any", stream.codec_context)  # None where FFmpeg knows no decoder, whatever its type says
        if context is None or not context.is_decoder or not context.sample_rate:
            self._left["a sound track of a codec that cannot be decoded"] += 1
            return None
        into_webm = self._output.format.name == "webm"
        rate = _OPUS_RATE if into_webm else context.sample_rate
        layout = "mono" if context.channels == 1 else "stereo"
        target = self._output.add_stream("libopus" if into_webm else "aac", rate=rate, layout=layout)
        target.bit_rate = _BITS_PER_CHANNEL * (1 if layout == "mono" else 2)
        target.time_base = Fraction(1, rate)
        label(stream, target, titles=self._keeps_titles)
        self.notes.append(
            f"sound ({name}), which such a file cannot hold, is encoded as {'Opus' if into_webm else 'AAC'}"
        )
        return Track(stream, target, encodes=True)

    def _subtitle_track(self, stream: SubtitleStream) -> Track:
        if _holds(self._output, stream):
            return Track(stream, self._copy(stream))
        context = cast("Any", stream.codec_context)
        context.open(strict=False)
        target = cast("Any", self._output.add_stream(_TEXT_ENCODER.get(self._output.format.name, "mov_text")))
        target.codec_context.subtitle_header = context.subtitle_header
        target.time_base = _MILLISECOND
        label(stream, target, titles=self._keeps_titles)
        self.notes.append(f"subtitles ({context.name}) are written as {target.codec_context.name}")
        return Track(stream, target, encodes=True)

    def _copy(self, stream: Any) -> Any:
        copy = self._output.add_stream_from_template(stream)
        label(stream, copy, titles=self._keeps_titles)
        return copy


def _said_of(stream: Any, titles: bool) -> set[str]:
    """Its language, its title, and for what it is meant, in words."""
    metadata = {key.lower(): text for key, text in stream.metadata.items()}
    said = {f"language {metadata['language']}"} if metadata.get("language", "und") != "und" else set()
    said |= {f"title {metadata[key]!r}" for key in _TITLE_KEYS if titles and key in metadata}
    flags = (flag for flag in type(stream.disposition) if flag in stream.disposition and flag.name not in _NOT_SAID)
    return said | {str(flag.name).replace("_", " ") for flag in flags}


def timecode_of(source: InputContainer) -> str | None:
    """The time of day, or of the recording, at the first frame, as HH:MM:SS:FF; None if the file says none."""
    said = (source.metadata, *(stream.metadata for stream in source.streams))
    return next((text for metadata in said for key, text in metadata.items() if key.lower() == "timecode"), None)


def label(stream: Any, copy: Any, *, titles: bool) -> None:
    """Give a copy of a stream its language, for what it is meant and, with titles, its title."""
    copy.metadata.update({key: text for key, text in stream.metadata.items() if key.lower() == "language"})
    said = [text for key, text in stream.metadata.items() if key.lower() in _TITLE_KEYS]
    if titles and said:
        copy.metadata["title"] = said[0]
    copy.disposition = stream.disposition


def _codec_of(stream: Any) -> str:
    return stream.codec_context.name if getattr(stream, "codec_context", None) else ""


def _holds(output: OutputContainer, stream: Any) -> bool:
    """Whether such a file can hold that stream as it is: tried on one that is not kept."""
    trial = av.open(io.BytesIO(), "w", format=output.format.name)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    finally:
        with suppress(av.error.FFmpegError, ValueError):
            trial.close()
    return True


class _SoundEncoder:
    """Decodes the packets of a track and encodes them anew; gaps in their times are filled with silence."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._graph: av.filter.Graph | None = None
        self._over: Fraction | None = None

    def encoded(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """What comes out when a packet went in; one that does not decode is passed over."""
        try:
            frames = cast("Sequence[AudioFrame]", packet.decode())
        except av.error.FFmpegError:
            return
        yield from self._of_frames(frames)

    def rest(self) -> "Iterator[Packet[Any]]":
        """What is left at the end, in the decoder too."""
        with suppress(av.error.FFmpegError):
            yield from self._of_frames(self._track.stream.codec_context.decode(None))
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled(self._graph)
            yield from self._track.target.encode(None)

    def _of_frames(self, frames: "Sequence[AudioFrame]") -> "Iterator[Packet[Any]]":
        unit = self._track.stream.time_base
        for frame in frames:
            frame.time_base = unit
            if frame.pts is None and self._over is not None:  # decoders say none of what comes last
                frame.pts = round(self._over / unit)
            if frame.pts is not None:
                self._over = frame.pts * unit + Fraction(frame.samples, frame.sample_rate)
            graph = self._graph = self._graph or self._made_for(frame)
            graph.push(frame)
            yield from self._pulled(graph)

    def _pulled(self, graph: "av.filter.Graph") -> "Iterator[Packet[Any]]":
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield from self._track.target.encode(frame)

    def _made_for(self, frame: AudioFrame) -> "av.filter.Graph":
        target = self._track.target.codec_context
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_abuffer(
                format=frame.format.name,
                sample_rate=frame.sample_rate,
                layout=frame.layout.name,
                time_base=frame.time_base,
            ),
            graph.add("aresample", "async=1"),
            graph.add(
                "aformat",
                f"sample_fmts={target.format.name}:sample_rates={target.sample_rate}:channel_layouts={target.layout.name}",
            ),
            graph.add("abuffersink"),
        ).configure()
        return graph


class _TextEncoder:
    """Decodes subtitles and writes them as another kind of text."""

    def __init__(self, track: Track) -> None:
        self._track = track

    def encoded(self, packet: "Packet[Any]") -> "Iterator[Packet[Any]]":
        """The packet as the other kind; nothing if it holds no text."""
        try:
            texts = self._track.stream.codec_context.decode2(packet)
            if texts is None or not len(texts):
                return
            written = self._track.target.codec_context.encode_subtitle(texts)
        except (av.error.FFmpegError, ValueError):
            return
        written.time_base, written.pts, written.dts = packet.time_base, packet.pts, packet.pts
        written.duration, written.stream = packet.duration, self._track.target
        yield written

    def rest(self) -> "Iterator[Packet[Any]]":
        """Nothing waits."""
        return iter(())
