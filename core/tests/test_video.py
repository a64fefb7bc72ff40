"""Reading and writing video: times, pixels, colors, sound, and files that are cut off."""

import resource
import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import MienError
from mien.media.provenance import Provenance, read_provenance
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
FRAMES = {
    "face_then_noface_6s.mp4": 169,
    "no_face.mp4": 95,
    "odd_361x203_yuv444.mp4": 72,
    "single_frame.mp4": 1,
    "target_E_4s_silent.mp4": 100,
    "target_J_2s_audio.mp4": 72,
    "two_people_2s_audio.mp4": 72,
    "vfr.mp4": 52,
    "vp9_opus.webm": 72,
}
MADE = Provenance("0.1.0", "faces drawn as E", "3fa2")


@cache
def frames_of(name: str) -> list[Frame]:
    return list(VideoSource(CLIPS / name).frames())


def rewritten(source: Path, target: Path, frames: Sequence[Frame] | None = None, **options: object) -> VideoSource:
    """The video written again with the same or other frames."""
    video = VideoSource(source)
    with VideoSink(target, video, **{"synthetic": None, **options}) as sink:
        for frame in frames or video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    return VideoSource(target)


def remuxed(source: Path, target: Path, change: Callable[[av.VideoStream], None], *, tick: Fraction) -> Path:
    """The video's packets in another file, a frame every `tick`, its stream changed before."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream, opaque=True)
        copy.time_base = tick
        change(copy)
        for packet in read.demux(stream):
            if packet.dts is not None:
                number = packet.pts // packet.duration, packet.dts // packet.duration
                packet.time_base = tick
                packet.pts, packet.dts, packet.duration = *number, 1
                packet.stream = copy
                written.mux(packet)
    return target


def seconds(frames: Sequence[Frame], video: VideoSource) -> list[Fraction]:
    return [frame.pts * video.time_base for frame in frames]


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_comes_with_its_number_and_time(name: str) -> None:
    with VideoSource(CLIPS / name) as video:
        frames = frames_of(name)
        assert [frame.index for frame in frames] == list(range(FRAMES[name]))
        assert [frame.pts for frame in frames] == video.frame_times()
        assert video.damage is None
        assert all(frame.image.shape == (video.height, video.width, 3) for frame in frames)
        assert all(frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous for frame in frames)
        ends = [frame.pts + frame.duration for frame in frames]
        assert ends[:-1] == [frame.pts for frame in frames[1:]] and ends[-1] > frames[-1].pts


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["face_then_noface_6s.mp4", "vfr.mp4", "no_face.mp4", "vp9_opus.webm"]), st.data())
def test_a_range_has_the_pixels_of_reading_from_the_start(name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, FRAMES[name] + 2))
    stop = data.draw(st.none() | st.integers(0, FRAMES[name] + 2))
    part = list(VideoSource(CLIPS / name).frames(start, stop))
    whole = frames_of(name)[start:stop]
    assert [(frame.index, frame.pts, frame.duration) for frame in part] == [
        (frame.index, frame.pts, frame.duration) for frame in whole
    ]
    assert all((one.image == other.image).all() for one, other in zip(part, whole, strict=True))


def test_a_range_is_found_among_many_keyframes_and_open_groups(tmp_path: Path) -> None:
    video = VideoSource(CLIPS / "target_E_4s_silent.mp4")
    path = tmp_path / "open.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "keyint=12:open-gop=1:bframes=3"})
        stream.width, stream.height = video.width, video.height
        for frame in video.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image)))
        container.mux(stream.encode())
    written = VideoSource(path)
    whole = list(written.frames())
    assert len(whole) == 100
    for start in range(0, 100, 7):
        part = list(written.frames(start, start + 3))
        assert [frame.index for frame in part] == [frame.index for frame in whole[start : start + 3]]
        assert all((frame.image == whole[frame.index].image).all() for frame in part)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("empty.mp4", "it is empty"), ("truncated_no_moov.mp4", "moov"), ("nowhere.mp4", "no such file")],
)
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(MienError, match=f"{name}.*{reason}"):
        VideoSource(CLIPS / name)


def test_a_file_without_images_is_refused(tmp_path: Path) -> None:
    with av.open(str(CLIPS / "target_J_2s_audio.mp4")) as read, av.open(str(tmp_path / "sound.mp4"), "w") as written:
        copy = written.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                written.mux(packet)
    with pytest.raises(MienError, match="no video stream"):
        VideoSource(tmp_path / "sound.mp4")
    (tmp_path / "text.mp4").write_text("just words")
    with pytest.raises(MienError, match="not a video"):
        VideoSource(tmp_path / "text.mp4")


def test_of_a_file_that_is_cut_off_the_frames_before_are_given_and_the_place_is_told() -> None:
    video = VideoSource(CLIPS / "truncated_faststart.mp4")
    times = video.frame_times()
    assert 30 <= len(times) < 72 and video.damage
    frames: list[Frame] = []
    with pytest.raises(MienError, match=f"frame {len(times)} "):
        iter_into(frames, video)
    whole = frames_of("target_J_2s_audio.mp4")
    assert [frame.pts for frame in frames] == times
    assert all((frame.image == whole[frame.index].image).all() for frame in frames)
    assert len(list(video.frames(5, len(times)))) == len(times) - 5  # nothing beyond was asked for
    with pytest.raises(MienError, match="truncated_faststart"):
        video.check_whole()


def iter_into(frames: list[Frame], video: VideoSource) -> None:
    """Keeps what was given before an error."""
    for frame in video.frames():
        frames.append(frame)


@pytest.mark.parametrize(("name", "share"), [("vp9_opus.webm", 0.5), ("target_J_2s_audio.mp4", 0.0)])
def test_a_cut_is_noticed_where_no_packet_is_broken_too(name: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / name
    if share:
        path.write_bytes((CLIPS / name).read_bytes()[: int((CLIPS / name).stat().st_size * share)])
    else:  # exactly between two packets, with the index at the front
        with av.open(str(CLIPS / "truncated_faststart.mp4")) as container:
            entry = container.streams.video[0].index_entries[20]
        path.write_bytes((CLIPS / "truncated_faststart.mp4").read_bytes()[: entry.pos + entry.size])
    video = VideoSource(path)
    assert 10 < len(video.frame_times()) < 60
    with pytest.raises(MienError, match="cut off"):
        video.check_whole()
    assert len(list(video.frames(0, len(video.frame_times())))) == len(video.frame_times())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_long_last_frame_is_no_cut(suffix: str, tmp_path: Path) -> None:
    """Where frames are decoded in another order, the last time of decoding is that of a frame long before."""
    video = VideoSource(CLIPS / "target_J_2s_audio.mp4")
    with VideoSink(tmp_path / f"a{suffix}", video, synthetic=None, sound=False) as sink:
        for frame in video.frames(0, 8):
            late = 6 if frame.index == 7 else 0
            sink.write(frame.image, frame.pts + round(late / video.time_base), frame.duration)
    again = VideoSource(tmp_path / f"a{suffix}")
    again.check_whole()
    assert len(list(again.frames())) == 8


def test_a_frame_that_is_damaged_within_is_named_and_none_is_made_up(tmp_path: Path) -> None:
    source = CLIPS / "target_J_2s_audio.mp4"
    with av.open(str(source)) as container:
        entry = container.streams.video[0].index_entries[40]
    data = bytearray(source.read_bytes())
    data[entry.pos + 40 : entry.pos + entry.size] = bytes(entry.size - 40)
    (tmp_path / "damaged.mp4").write_bytes(data)
    video = VideoSource(tmp_path / "damaged.mp4")
    assert len(video.frame_times()) == 72 and video.damage is None  # that only decoding can tell
    frames: list[Frame] = []
    with pytest.raises(MienError, match=r"frame (3[7-9]|4\d) on: it does not decode"):
        iter_into(frames, video)
    whole = frames_of("target_J_2s_audio.mp4")
    assert all(np.abs(frame.image.astype(int) - whole[frame.index].image).mean() < 2 for frame in frames)


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pixels_are_upright_and_stay_so(degrees: int, hflip: bool, tmp_path: Path) -> None:
    turned = remuxed(
        CLIPS / "target_J_2s_audio.mp4",
        tmp_path / "turned.mp4",
        lambda stream: stream.set_display_rotation(degrees, hflip=hflip),
        tick=Fraction(1, 30),
    )
    video = VideoSource(turned)
    lying = frames_of("target_J_2s_audio.mp4")[0].image
    upright = np.rot90(lying, degrees // 90)  # FFmpeg's angles, like numpy's, are counterclockwise
    upright = upright[:, ::-1] if hflip else upright
    assert (next(video.frames()).image == upright).all()
    assert (video.width, video.height) == upright.shape[1::-1]
    again = rewritten(turned, tmp_path / "again.mp4", list(video.frames(0, 3)))
    assert np.abs(next(again.frames()).image.astype(int) - upright).mean() < 2
    with av.open(str(tmp_path / "again.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize("name", [name for name in FRAMES if name != "single_frame.mp4"])
def test_written_again_times_size_colors_and_sound_are_the_same(name: str, tmp_path: Path) -> None:
    source, frames = CLIPS / name, frames_of(name)
    target = tmp_path / name
    again = rewritten(source, target, frames)
    video = VideoSource(source)
    written = list(again.frames())
    assert seconds(written, again) == seconds(frames, video)
    assert (again.width, again.height, again.pixel_shape) == (video.width, video.height, video.pixel_shape)
    assert again.pixel_format == video.pixel_format
    assert again.color.range in (video.color.range, 1)  # 1, limited, is what not saying it means
    assert (again.color.space, again.color.primaries) == (video.color.space, video.color.primaries)
    drift = np.mean([(one.image.astype(int) - other.image).mean() for one, other in zip(written, frames, strict=True)])
    assert abs(drift) < 0.5
    assert (
        np.mean(
            [np.abs(one.image.astype(int) - other.image).mean() for one, other in zip(written, frames, strict=True)]
        )
        < 2
    )
    if video.has_audio:
        assert sound_of(target) == sound_of(source)
    assert again.duration_seconds == pytest.approx(video.duration_seconds, abs=0.025)  # a packet of sound


@pytest.mark.parametrize("tick", [Fraction(1001, 30000), Fraction(1001, 24000), Fraction(1, 25)])
def test_frame_rates_that_are_no_whole_number_stay_exact(tick: Fraction, tmp_path: Path) -> None:
    source = remuxed(CLIPS / "target_J_2s_audio.mp4", tmp_path / "a.mp4", lambda stream: None, tick=tick)
    again = rewritten(source, tmp_path / "b.mp4")
    assert VideoSource(source).rate == again.rate == 1 / tick
    assert seconds(list(again.frames()), again) == [number * tick for number in range(72)]


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("space", [1, 5, 6, 9])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_colors_mean_what_the_file_says(full_range: bool, space: int, pixel_format: str, tmp_path: Path) -> None:
    """Flat colors, converted to YUV by the definition of each standard, come back, and survive being written again."""
    rgb = np.array([[200, 40, 60], [30, 160, 90], [50, 70, 220], [128, 128, 128], [240, 230, 20]], np.uint8)
    path = tmp_path / "flat.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width = stream.height = 32
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.color_range, context.colorspace = 2 if full_range else 1, space
        for color in rgb:
            frame = av.VideoFrame(32, 32, pixel_format)
            for plane, value in zip(frame.planes, yuv(color, space, full_range), strict=True):
                plane.update(np.full(plane.buffer_size, value, np.uint8).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    video = VideoSource(path)
    assert (video.color.range, video.color.space) == (2 if full_range else 1, space)
    assert np.abs(np.stack([frame.image.mean((0, 1)) for frame in video.frames()]) - rgb).max() < 2.5
    again = rewritten(path, tmp_path / "again.mp4", quality=1)
    assert again.color == video.color
    assert np.abs(np.stack([frame.image.mean((0, 1)) for frame in again.frames()]) - rgb).max() < 3.5


def yuv(rgb: np.ndarray, space: int, full_range: bool) -> list[int]:
    """ITU-T H.273, equations 38 to 43, for 8 bits."""
    red, blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[space]
    r, g, b = rgb / 255
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)
    offset, span, chroma_span = (0, 255, 255) if full_range else (16, 219, 224)
    return [round(offset + span * luma), *(round(128 + chroma_span * part) for part in chroma)]


def test_an_odd_size_is_kept_also_where_the_source_thins_its_colors(tmp_path: Path) -> None:
    path = tmp_path / "odd.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height = 65, 33
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((33, 65, 3), 90, np.uint8))))
        container.mux(stream.encode())
    for suffix, pixel_format in ((".webm", "yuv420p"), (".mp4", "yuv444p")):
        again = rewritten(path, tmp_path / f"again{suffix}")
        assert (again.width, again.height, again.pixel_format) == (65, 33, pixel_format)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("target_J_2s_audio.mp4", ".mov"), ("target_J_2s_audio.mp4", ".mkv"), ("vp9_opus.webm", ".mp4")],
)
def test_sound_moves_to_another_container_packet_by_packet(name: str, suffix: str, tmp_path: Path) -> None:
    rewritten(CLIPS / name, tmp_path / f"a{suffix}", frames_of(name))
    before, after = sound_of(CLIPS / name), sound_of(tmp_path / f"a{suffix}")
    assert [data for _, data in after] == [data for _, data in before]
    shifts = [float(late - early) for (early, _), (late, _) in zip(before, after, strict=True)]
    images = float(
        VideoSource(tmp_path / f"a{suffix}").frame_times()[0] * VideoSource(tmp_path / f"a{suffix}").time_base
    )
    assert max(shifts) - min(shifts) < 0.0011 and shifts[0] == pytest.approx(images, abs=0.001)


def titled(target: Path, metadata: dict[str, str]) -> Path:
    """A video of one frame that says so much about itself."""
    with av.open(str(CLIPS / "single_frame.mp4")) as read, av.open(str(target), "w") as written:
        written.metadata.update(metadata)
        copy = written.add_stream_from_template(read.streams.video[0], opaque=True)
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                written.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_titles_are_kept_and_what_is_synthetic_says_so(suffix: str, tmp_path: Path) -> None:
    source = titled(tmp_path / "titled.mp4", {"title": "A face", "comment": "by hand"})
    rewritten(source, tmp_path / f"a{suffix}", synthetic=MADE)
    assert read_provenance(tmp_path / f"a{suffix}") == MADE
    assert read_provenance(source) is None
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        said = {key.lower(): text for key, text in container.metadata.items()}
    assert said["title"] == "A face"
    assert said["comment"].splitlines() == ["by hand", MADE.note()]


@pytest.mark.parametrize("synthetic", [None, MADE])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_where_it_was_filmed_is_not_carried_over(suffix: str, synthetic: Provenance | None, tmp_path: Path) -> None:
    place = "+52.5200+013.4050/"
    keys = ("location", "LOCATION-eng", "com.apple.quicktime.location.ISO6709")
    source = titled(tmp_path / "filmed.mkv", {"title": "A face", **dict.fromkeys(keys, place)})  # .mkv holds any key
    assert list(VideoSource(source).metadata.values()).count(place) == len(keys)
    written = rewritten(source, tmp_path / f"a{suffix}", synthetic=synthetic)
    assert "A face" in written.metadata.values()
    assert not [key for key in written.metadata if "location" in key.lower()]
    assert place.encode() not in written.path.read_bytes()


def test_the_same_frames_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        rewritten(CLIPS / "vfr.mp4", tmp_path / name, frames_of("vfr.mp4"), synthetic=MADE)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_better_quality_takes_more_bytes(tmp_path: Path) -> None:
    name = "target_E_4s_silent.mp4"
    for quality in (0, 18, 40):
        rewritten(CLIPS / name, tmp_path / f"{quality}.mp4", frames_of(name)[:10], quality=quality)
    sizes = [(tmp_path / f"{quality}.mp4").stat().st_size for quality in (0, 18, 40)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 4 * sizes[2]
    with pytest.raises(MienError, match="Quality 52"):
        VideoSink(tmp_path / "a.mp4", VideoSource(CLIPS / name), synthetic=None, quality=52)


def test_what_is_not_finished_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    shutil.copyfile(CLIPS / "single_frame.mp4", target)
    before = target.read_bytes()
    video = VideoSource(CLIPS / "target_J_2s_audio.mp4")
    with pytest.raises(KeyboardInterrupt), VideoSink(target, video, synthetic=None) as sink:
        for frame in frames_of("target_J_2s_audio.mp4")[:5]:
            sink.write(frame.image, frame.pts)
        raise KeyboardInterrupt
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(MienError, match=r"\.avi") as error:
        rewritten(CLIPS / "single_frame.mp4", tmp_path / "a.avi")
    assert ".mkv" in error.value.fix


def test_a_disk_without_room_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the system refuses the write in the same way."""
    name = "target_E_4s_silent.mp4"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(MienError, match=r"a\.mp4"):
            rewritten(CLIPS / name, tmp_path / "a.mp4", frames_of(name), quality=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
