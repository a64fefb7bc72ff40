"""Writing a video, whole or not at all: new images with the times, colors, sound and titles of their source."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from math import floor, lcm
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.media.credentials import remove_sidecar
from mien.media.encoders import check_encoder
from mien.media.files import whole_file
from mien.media.image_encoder import WORST_QUALITY, ImageEncoder
from mien.media.part import timecode_after
from mien.media.provenance import Provenance
from mien.media.titles import kept_titles, lost_titles
from mien.media.tracks import Tracks, label, timecode_of
from mien.media.video_decoder import url_of
from mien.media.video_parts import decoding_times, packets_of, shown_order
from mien.media.video_reader import Frame, VideoSource

WRITABLE_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""What `VideoSink` can write."""
BEST_QUALITY, DEFAULT_QUALITY = 0, 18
"""On x264's scale of constant rate factors, which ends at `WORST_QUALITY`: 18 looks like the original, and 6 more are
about half as many bytes."""
_MP4_SUFFIXES = (".mp4", ".m4v", ".mov")
_LARGEST_TIMESCALE = 2**31 - 1


def check_quality(quality: int) -> None:
    """Raises MienError for a quality that is not on the scale."""
    if not BEST_QUALITY <= quality <= WORST_QUALITY:
        raise MienError(
            f"Quality {quality} is not between {BEST_QUALITY} (best) and {WORST_QUALITY}.",
            f"--quality {DEFAULT_QUALITY}",
        )


def check_video_suffix(path: Path) -> None:
    """Raises MienError for a path as which no video is written."""
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        raise MienError(
            f"{path}: videos are not written as {path.suffix or 'a file without suffix'}.",
            f"Use one of {', '.join(WRITABLE_SUFFIXES)}.",
        )


class VideoSink:
    """A video file to write to, as a context manager; the file stands there when the block ends without an error.

    - .mp4, .m4v, .mov and .mkv hold H.264, or HEVC if the source has more than 8 bits; .webm holds VP9, or AV1. Colors
      are stored at the resolution of the source (4:2:0, 4:2:2, 4:4:4; in AV1 4:2:0) in 8 bits, or in 10 if it has more,
      with its range, matrix, primaries and transfer curve; an image with an odd side, which H.264 cannot store in
      4:2:0, as 4:4:4.
    - Every frame keeps its time, counted from where the source's images or sound begin. (.mkv and .webm count in
      milliseconds, and round to them.)
    - All sound is copied packet by packet, unchanged, or none; what the file cannot hold is encoded as AAC, in .webm as
      Opus. Subtitles that the file can hold, and chapters, are copied with the titles. `notes` says what is left out or
      changed.
    - Titles and other metadata are kept, but not where it was filmed: no key with "location" in it is carried over; or
      none at all. Pixels are upright, so there is no mark of a rotation.

    - What is signed holds its Content Credentials, or has them beside it in PATH.c2pa (.mkv and .webm).

    path: where to. like: the video that the images come from. synthetic: the mark of images that were drawn, and what
    signs the file, if anything does.
    quality: from 0 (best) to 51, x264's constant rate factor; for VP9 it is scaled to 0…63. encoder: one of
    `mien.media.encoders.encoders_to_ask_for`, as those of graphics cards; None: the usual one.
    sound, titles: whether those of `like` are kept; with titles, subtitles and chapters.

    Raises MienError for an unknown suffix, a quality out of range, an encoder that cannot be used, a full disk and a
    missing permission.
    """

    def __init__(
        self,
        path: Path,
        like: VideoSource,
        *,
        synthetic: Provenance | None,
        quality: int = DEFAULT_QUALITY,
        encoder: str | None = None,
        sound: bool = True,
        titles: bool = True,
    ) -> None:
        check_video_suffix(path)
        check_quality(quality)
        check_encoder(encoder)
        self.path = path
        self._like = like
        self._synthetic = synthetic
        self._keeps_sound, self._keeps_titles = sound, titles
        self._encoder = ImageEncoder(like, path.suffix, quality, encoder)
        self.notes: tuple[str, ...] = ()
        """What of the source is left out or changed, besides its images; each as a sentence without its end."""
        self._stack = ExitStack()

    def __enter__(self) -> "VideoSink":
        with ExitStack() as stack:
            partial = stack.enter_context(whole_file(self.path))
            self._partial = partial
            if self._synthetic and self._synthetic.signer:
                _ = self._synthetic.signer.key  # one that cannot be read or made is told before any frame is drawn
            stack.push(self._sign)
            source = stack.enter_context(av.open(url_of(self._like.path), metadata_errors="replace"))
            stack.push(self._compare)
            self._output = self._created(partial, source)
            stack.push(self._close)
            self._output.metadata.update(self._metadata())
            said = timecode_of(source)
            timecode = timecode_after(said, self._like.first_frame, self._like.rate) if said else None
            if timecode and self._keeps_titles:
                self._output.metadata["timecode"] = timecode
            self._video = self._encoder.add_to(self._output)
            label(source.streams[self._like.stream_index], self._video, titles=self._keeps_titles)
            tracks = self._tracks = Tracks(
                source,
                self._output,
                self._like.stream_index,
                self._like.timeline,
                sound=self._keeps_sound,
                texts=self._keeps_titles,
                span=self._like.span,
            )
            # A whole unit of the images' clock, so that their times stay as exact as they are.
            begin = min([self._like.frame_times()[0] * self._like.time_base, *tracks.starts()])
            self._origin = floor(begin / self._like.time_base)
            origin = self._origin * self._like.time_base
            self._copy_chapters(source, origin, tracks)
            if said and not (timecode and self._keeps_titles):
                tracks.notes.append("the timecode is left out")
            self.notes = (*self._like.notes, *self._encoder.lost_color(), *tracks.notes)
            self._rest = tracks.packets(origin)
            self._write_header()
            self._next_packet = next(self._rest, None)
            self._stack = stack.pop_all()
        return self

    def write(self, image: RgbImage, pts: int, duration: int = 0, before: Frame | None = None) -> None:
        """Add a frame: uint8 (H, W, 3) of the source's size, to be shown from pts on; pts has to grow.

        pts, duration: in units of the source's time_base. before: the source's frame; if it is deep, pixels that did
        not change keep all their bits.

        Raises MienError if the disk is full.
        """
        frame = self._encoder.frame(self._video, image, before)
        frame.pts, frame.time_base, frame.duration = pts - self._origin, self._like.time_base, duration
        self._mux(self._video.encode(frame))

    def write_parts(self, parts: Sequence[Path]) -> None:
        """Add all frames as they are encoded already, in the parts of a `PartSink`, which follow each other.

        So not one of them is encoded a second time. It is instead of `write`.

        Raises MienError if the disk is full.
        """
        times = self._like.frame_times()
        ends = [*times[1:], self._like.end]
        orders = [shown_order(part) for part in parts]
        if sum(map(len, orders)) != len(times):
            raise ValueError(f"{sum(map(len, orders))} images in parts of a video of {len(times)}")
        ahead = max(at - number for order in orders for at, number in enumerate(order))
        dts = iter(decoding_times(times, ahead))
        first = 0
        for part, order in zip(parts, orders, strict=True):
            for packet, number in zip(packets_of(part), order, strict=True):
                pts = times[first + number]
                packet.stream, packet.time_base = self._video, self._like.time_base
                packet.pts, packet.dts = pts - self._origin, next(dts) - self._origin
                packet.duration = ends[first + number] - pts
                self._mux([packet])
            first += len(order)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Entered last, the end of the streams is written first; then the file is closed, signed, and takes its place.
        if kind is None:
            self._stack.push(self._finish)
        self._stack.__exit__(kind, error, trace)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mux(self._video.encode(None))
        self._copy_tracks(until_seconds=float("inf"))

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._output.close()
        else:
            with suppress(OSError, av.error.FFmpegError):  # the error that led here is the one to tell
                self._output.close()

    def _compare(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note what such a file does not hold of the titles."""
        if kind is not None:
            return
        with av.open(url_of(self._partial), metadata_errors="replace") as written:
            lost = self._tracks.lost_labels(written)
            if self._keeps_titles:
                lost += lost_titles(self._like.metadata, written.metadata, self.path.suffix)
        self.notes = tuple(dict.fromkeys([*self.notes, *lost]))

    def _sign(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            return
        if self._synthetic and self._synthetic.signer:
            self._synthetic.signer.sign_file(self._partial, self.path, self._synthetic)
        else:
            remove_sidecar(self.path)  # it would speak of the file that stood there before

    def _created(self, path: Path, source: InputContainer) -> OutputContainer:
        options = {"fflags": "+bitexact"}  # the same images give the same file
        if path.suffix.lower() in _MP4_SUFFIXES:
            # The unit in which the file says how long its streams are; in milliseconds, sound would lose samples.
            rates = [stream.rate for stream in source.streams.audio if self._keeps_sound and stream.codec_context]
            common = lcm(self._like.time_base.denominator, *rates)
            options["movie_timescale"] = str(common if common <= _LARGEST_TIMESCALE else max(rates, default=1000))
            options["movflags"] = "+faststart"
            options["write_tmcd"] = "1" if self._keeps_titles and timecode_of(source) else "0"
        # By its suffix, FFmpeg would write a .m4v for an old player, which takes no HEVC.
        return av.open(url_of(path), "w", format="mp4" if path.suffix.lower() == ".m4v" else None, options=options)

    def _metadata(self) -> dict[str, str]:
        kept = kept_titles(self._like.metadata) if self._keeps_titles else {}
        if self._synthetic is None:
            return kept
        said = {key.lower(): text for key, text in kept.items()}
        # QuickTime has a place for XMP itself, and none for a description.
        place = "xmp" if self.path.suffix.lower() == ".mov" else "description"
        marks = {"comment": self._synthetic.note(), place: self._synthetic.to_xmp()}
        kept = {key: text for key, text in kept.items() if key.lower() not in marks}
        return kept | {key: "\n".join(filter(None, [said.get(key), mark])) for key, mark in marks.items()}

    def _copy_chapters(self, source: InputContainer, origin: Fraction, tracks: Tracks) -> None:
        chapters = source.chapters()
        if not self._keeps_titles:
            if chapters:
                tracks.notes.append("chapters are left out")
            return
        begin, end = self._like.span
        kept = []
        for chapter in chapters:
            unit = chapter["time_base"]
            if not unit:
                continue
            first = chapter["start"] if begin is None else max(chapter["start"], floor(begin / unit))
            last = chapter["end"] if end is None else min(chapter["end"], floor(end / unit))
            if first < last or begin is end is None:
                shift = round(origin / unit)
                kept.append(chapter | {"start": max(0, first - shift), "end": max(0, last - shift)})
        self._output.set_chapters(kept)

    def _write_header(self) -> None:
        try:
            self._output.start_encoding()
        except OSError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise MienError(
                f"{self.path}: a {self.path.suffix} cannot hold the images and sound of {self._like.path} ({error}).",
                "Use .mkv, or leave the sound out with --no-sound.",
            ) from error

    def _mux(self, packets: "list[Packet[VideoStream]]") -> None:
        for packet in packets:
            if packet.dts is not None:
                self._copy_tracks(until_seconds=float(packet.dts * packet.time_base))
            self._write_packet(packet)

    def _write_packet(self, packet: "Packet[Any]") -> None:
        try:
            self._output.mux(packet)
        except OSError:
            raise
        except av.error.FFmpegError as error:
            raise MienError(
                f"{self.path} cannot be written: a {self.path.suffix} does not take the sound or subtitles of "
                f"{self._like.path} ({error.strerror}).",
                "Use .mkv, or leave the sound out with --no-sound.",
            ) from error

    def _copy_tracks(self, until_seconds: float) -> None:
        """Sound goes into the file beside the images that it is heard with."""
        while self._next_packet is not None:
            packet = self._next_packet
            if packet.dts is not None and float(packet.dts * packet.time_base) > until_seconds:
                return
            self._write_packet(packet)
            self._next_packet = next(self._rest, None)


class _Held(Exception):
    """The file can hold the video: what was begun of it is thrown away."""


def check_held(sink: VideoSink) -> None:
    """Raises MienError, before any work is done, for what a file cannot hold of its video; nothing is written."""
    with suppress(_Held), sink:
        raise _Held
