"""Whatever a file has is in what is written, or in what is said of it.

What a file has is told as facts, of which each knows by which words its loss is named. So a stream or a tag that
nobody has thought of fails here, as soon as a file has it.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mien.media.animation import open_sink, open_video
from mien.media.images import load_file, lost_in, write_image
from mien.media.tracks import timecode_of
from mien.media.video_reader import VideoSource

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CASES, CLIPS = DATA / "cases", DATA / "clips"
CLIP = CLIPS / "target_J_2s_audio.mp4"
VIDEOS = [
    *(CASES / name for name in ("amr_sound_old_phone.3gp", "fragmented_sound_packets_share_times.mp4")),
    *(CASES / name for name in ("interlaced_pan_tff.mts", "iphone16_apac_second_sound.mov", "subtitles_chapters.mkv")),
    *(CASES / name for name in ("transport_stream.ts", "wmav2_sound.wmv")),
    *(CLIPS / name for name in ("odd_361x203_yuv444.mp4", "vfr.mp4", "vp9_opus.webm")),
]
UNSAID, LIMITED = (0, 2), 1
"""Of FFmpeg's numbers; a video that says no range is of the limited one."""
TECHNICAL = {"major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "duration", "timecode"}
SAID = {"language": ("language",), "title": ("title",), "name": ("title",)}
TAGS = {
    "title": "Holiday",
    "artist": "Ann",
    "comment": "by the sea",
    "director": "Bea",
    "creation_time": "2024-05-01T10:00:00.000000Z",
    "location": "+52.5+013.4/",
    "my_own_key": "x",
    "com.apple.quicktime.make": "Apple",
}


@dataclass(frozen=True)
class Fact:
    """Something that a file has."""

    what: tuple[Any, ...]
    named: tuple[str, ...]
    """The words of which one stands in the note that says that it is lost."""


def facts(path: Path) -> Iterator[Fact]:
    with av.open(str(path), metadata_errors="replace") as file:
        for key, text in file.metadata.items():
            if key.lower() not in TECHNICAL:
                is_place = "location" in key.lower()
                yield Fact(("tag", "place" if is_place else key.lower(), None if is_place else text),
                           ("filmed",) if is_place else (key.lower(),))  # fmt: skip
        for chapter in file.chapters():
            yield Fact(("chapter", chapter["metadata"].get("title")), ("chapter",))
        if said := timecode_of(file):
            yield Fact(("timecode", said), ("timecode",))
        numbers: dict[str, int] = {}
        of_chapters = bool(file.chapters())
        for stream in file.streams:
            if stream.type == "data" and (of_chapters or "timecode" in stream.metadata):
                continue  # how .mp4 holds chapters and timecodes
            number = numbers[stream.type] = numbers.get(stream.type, -1) + 1
            word = {"audio": "sound", "video": "video", "subtitle": "subtitles"}.get(stream.type, stream.type)
            yield Fact((stream.type, number), (word,))
            for key, text in stream.metadata.items():
                if key.lower() in SAID and (key, text) != ("language", "und"):
                    yield Fact(
                        (stream.type, number, SAID[key.lower()], text), (f"what is said of {word}", f"{word} track")
                    )
            for flag in ("comment", "forced", "hearing_impaired", "visual_impaired", "dub", "original"):
                if stream.disposition & stream.disposition.__class__[flag]:
                    yield Fact((stream.type, number, flag), (flag.replace("_", " "),))
        first = next(file.decode(video=0))
        bits = max(component.bits for component in first.format.components)
        if bits > 8:
            yield Fact(("bits", bits), ("bits a channel",))
        for kind in ("A53_CC", "STEREO3D", "SPHERICAL", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"):
            if first.side_data.get(kind) is not None:  # type: ignore[call-overload]
                yield Fact(("beside", kind), ("captions", "3D", "360°", "HDR metadata"))
        if first.interlaced_frame:
            yield Fact(("interlaced",), ("deinterlaced",))
        if any(component.is_alpha for component in first.format.components):
            yield Fact(("alpha",), ("transparency",))
        video = file.streams.video[0]
        yield Fact(("pixels", video.sample_aspect_ratio or 1), ("pixels are made square",))
        for what in ("color_range", "color_primaries", "color_trc"):
            if (value := getattr(first, what)) not in (UNSAID if what != "color_range" else (0, LIMITED)):
                yield Fact((what, value), ("no words: it is never lost",))


def assert_nothing_is_lost(source: Path, target: Path) -> None:
    video = open_video(source)
    with open_sink(target, video, synthetic=None) as sink:
        for frame in video.frames(deep=True):
            sink.write(frame.image, frame.pts, frame.duration, frame)
    there = {fact.what for fact in facts(target)}
    for fact in facts(source):
        is_said = any(word in note for word in fact.named for note in sink.notes)
        assert fact.what in there or is_said, f"{fact.what} is neither in {target.name} nor in {sink.notes}"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", pytest.param(".webm", marks=pytest.mark.long)])
@pytest.mark.parametrize("source", VIDEOS, ids=lambda path: path.name)
def test_of_videos_as_people_have_them(source: Path, suffix: str, tmp_path: Path) -> None:
    assert_nothing_is_lost(source, tmp_path / f"out{suffix}")


def with_everything(path: Path) -> Path:
    """A clip with tags, chapters, two sounds, two subtitles and an attachment, as far as its format has them."""
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with (
        av.open(str(CLIP)) as clip,
        av.open(str(CASES / "subtitles_chapters.mkv")) as texts,
        av.open(str(path), "w", options=options) as file,
    ):
        file.metadata.update(TAGS)
        copies: dict[tuple[str, int], Any] = {}
        for number, language in enumerate(("ger", "eng")):
            for stream in (clip.streams.video[0], clip.streams.audio[0]):
                if number == 0 or stream.type == "audio":
                    copies[stream.type, number] = copy = file.add_stream_from_template(stream)
                    copy.metadata.update(language=language, title=f"{stream.type} {number}")
        copies["audio", 1].disposition = av.stream.Disposition.comment
        if path.suffix == ".mkv":
            for number in range(2):
                copies["subtitle", number] = copy = file.add_stream_from_template(texts.streams.subtitles[0])
                copy.metadata.update(language="eng", title=f"text {number}")
            copies["subtitle", 1].disposition = av.stream.Disposition.forced
            file.add_attachment("font.ttf", "application/x-truetype-font", b"font")
        unit = Fraction(1, 1000)
        file.set_chapters(
            [{"id": n, "start": 1000 * n, "end": 1000 * n + 1000, "time_base": unit, "metadata": {"title": f"part {n}"}}
             for n in range(2)]
        )  # fmt: skip
        for packet in clip.demux():
            for number in range(2 if packet.stream.type == "audio" else 1):
                if packet.size:
                    again = av.Packet(bytes(packet))
                    again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
                    again.time_base, again.is_keyframe = packet.time_base, packet.is_keyframe
                    again.stream = copies[packet.stream.type, number]
                    file.mux(again)
        for number in range(2 if path.suffix == ".mkv" else 0):
            text = av.Packet(b"hello")
            text.stream, text.time_base, text.pts, text.dts = copies["subtitle", number], unit, 100, 100
            text.duration = 500
            file.mux(text)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("origin", [".mp4", ".mov", ".mkv"])
def test_of_a_video_with_everything(origin: str, suffix: str, tmp_path: Path) -> None:
    source = with_everything(tmp_path / f"in{origin}")
    assert len(list(facts(source))) > 15
    assert_nothing_is_lost(source, tmp_path / f"out{suffix}")


def encoded(path: Path, encoder: str, pixels: str, prepare: Callable[[Any], None] = lambda stream: None) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream(encoder, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        prepare(stream)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 4), 60 * number, np.uint8), format="rgba")
            file.mux(stream.encode(frame.reformat(format=pixels)))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_of_transparency_bits_and_shapes_of_pixels(suffix: str, tmp_path: Path) -> None:
    assert_nothing_is_lost(encoded(tmp_path / "alpha.mov", "prores_ks", "yuva444p10le"), tmp_path / f"a{suffix}")
    assert_nothing_is_lost(encoded(tmp_path / "deep.mkv", "ffv1", "yuv420p12le"), tmp_path / f"b{suffix}")

    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        stream.codec_context.color_range, stream.codec_context.color_primaries = 2, 9
        stream.codec_context.color_trc = 14

    assert_nothing_is_lost(encoded(tmp_path / "wide.mkv", "libx264", "yuv420p", wide), tmp_path / f"c{suffix}")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_what_frames_say_beside_their_images(suffix: str, tmp_path: Path) -> None:
    def both_eyes(stream: Any) -> None:
        stream.metadata["stereo_mode"] = "left_right"

    source = encoded(tmp_path / "3d.mkv", "libx264", "yuv420p", both_eyes)
    assert any(fact.what == ("beside", "STEREO3D") for fact in facts(source))
    assert_nothing_is_lost(source, tmp_path / f"a{suffix}")
    captions = captioned(tmp_path / "captions.mp4")
    assert any(fact.what == ("beside", "A53_CC") for fact in facts(captions))
    assert_nothing_is_lost(captions, tmp_path / f"b{suffix}")


def captioned(path: Path) -> Path:
    """The clip with a pair of closed-caption letters (CEA-608 in ATSC A/53) before each image."""
    pairs = bytes([0xFC, 0x94, 0x2C])
    payload = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | 1, 0xFF]) + pairs + b"\xff"
    message = bytes([6, 4, len(payload)]) + payload + b"\x80"
    unit = struct.pack(">I", len(message)) + message
    with av.open(str(CLIP)) as clip, av.open(str(path), "w") as file:
        copy = file.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.size:
                again = av.Packet(unit + bytes(packet))
                again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
                again.time_base, again.is_keyframe, again.stream = packet.time_base, packet.is_keyframe, copy
                file.mux(again)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("kind", ["alpha", "deep", "pages", "camera", "palette"])
def test_of_images(kind: str, suffix: str, tmp_path: Path) -> None:
    colors = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8))
    source = tmp_path / {"pages": "in.tif", "camera": "in.jpg", "palette": "in.gif"}.get(kind, "in.png")
    if kind == "alpha":
        colors.save(source)
    elif kind == "deep":
        Image.fromarray(np.random.default_rng(0).integers(0, 65536, (24, 32), np.uint16)).save(source)
    elif kind == "pages":
        colors.convert("RGB").save(source, save_all=True, append_images=[colors.convert("RGB").resize((8, 8))])
    elif kind == "palette":
        colors.convert("P").save(source, transparency=3)
    else:
        exif = Image.Exif()
        exif.update({271: "Camera & Sons", 315: "Ann"})
        exif.get_ifd(0x8769).update({0x9003: "2024:05:01 10:00:00"})
        colors.convert("RGB").save(source, exif=exif)
    file = load_file(source, deep=True)
    target = tmp_path / f"out{suffix}"
    write_image(target, file.image, synthetic=None, exif=file.exif, like=file)
    notes = " ".join(lost_in(file, target))
    again = load_file(target, deep=True)
    assert (again.alpha is None) == (file.alpha is None) or "transparency" in notes
    assert again.has_16_bits == file.has_16_bits or "16 bits" in notes
    assert kind != "pages" or "1 further page is left out" in notes
    said = [(one.get(271), one.get(315), one.get_ifd(0x8769).get(0x9003)) for one in (file.exif, again.exif)]
    assert said[0] == said[1] and (kind != "camera" or said[0][0] == "Camera & Sons")


def test_a_source_that_is_read_twice_says_the_same(tmp_path: Path) -> None:
    source = with_everything(tmp_path / "in.mkv")
    assert VideoSource(source).notes == VideoSource(source).notes == ()
