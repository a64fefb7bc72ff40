"""What of a video is copied beside its images, when it is due, and what is said of the rest."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien.media.timeline import growing
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CASES, CLIP = DATA / "cases", DATA / "clips" / "target_J_2s_audio.mp4"
FRAMES_OF_CLIP = 72


def copied(source: Path, target: Path, **options: Any) -> tuple[VideoSource, tuple[str, ...]]:
    """The video written again with its own images, and what was said of it."""
    video = VideoSource(source)
    with VideoSink(target, video, **{"synthetic": None, **options}) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    return VideoSource(target), sink.notes


def seconds(video: VideoSource) -> list[float]:
    return [float(time * video.time_base) for time in video.frame_times()]


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in packets]


def codecs_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams if stream.codec_context]


def remuxed(target: Path, change: Callable[[Any], None], **options: str) -> Path:
    """The clip's packets in another file, each changed before."""
    with av.open(str(CLIP)) as read, av.open(str(target), "w", options=options) as written:
        copies = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                change(packet)
                written.mux(packet)
    return target


def moved(by: Fraction) -> Callable[[Any], None]:
    def move(packet: Any) -> None:
        packet.pts += round(by / packet.time_base)
        packet.dts += round(by / packet.time_base)

    return move


def assert_times_grow(path: Path) -> None:
    with av.open(str(path)) as container:
        for stream in container.streams:
            container.seek(0)
            dts = [packet.dts for packet in container.demux(stream) if packet.size and packet.dts is not None]
            assert all(one < other for one, other in pairwise(dts))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_sound_that_nobody_decodes_is_left_out_and_the_other_is_copied(suffix: str, tmp_path: Path) -> None:
    source = CASES / "iphone16_apac_second_sound.mov"
    again, notes = copied(source, tmp_path / f"a{suffix}")
    assert len(again.frame_times()) == 15
    assert "a sound track of a codec that cannot be decoded is left out" in notes
    if suffix != ".webm":
        assert [data for _, data in sound_of(tmp_path / f"a{suffix}")] == [data for _, data in sound_of(source)]


@pytest.mark.parametrize("name", ["wmav2_sound.wmv", "amr_sound_old_phone.3gp"])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "aac"), (".webm", "opus")])
def test_sound_that_a_file_cannot_hold_is_encoded_anew(name: str, suffix: str, codec: str, tmp_path: Path) -> None:
    again, notes = copied(CASES / name, tmp_path / f"a{suffix}")
    assert codecs_of(again.path)[1] == codec
    (note,) = (note for note in notes if note.startswith("sound ("))
    assert "is encoded as" in note
    with av.open(str(CASES / name)) as before, av.open(str(again.path)) as after:
        levels, lengths = [], []
        for container in (before, after):
            heard = [frame.to_ndarray().astype(np.float64) for frame in container.decode(audio=0)]
            scale = 32768 if heard[0].max() > 2 else 1
            levels.append(np.concatenate([values.mean(0) for values in heard]).std() / scale)
            lengths.append(sum(values.shape[-1] for values in heard) / container.streams.audio[0].rate)
    assert levels[1] == pytest.approx(levels[0], rel=0.1)
    assert lengths[0] - 0.001 < lengths[1] < lengths[0] + 0.03  # what the decoder keeps until the end is there, too


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_can_be_left_out(suffix: str, tmp_path: Path) -> None:
    again, notes = copied(CASES / "wmav2_sound.wmv", tmp_path / f"a{suffix}", sound=False)
    assert not again.has_audio and notes == ()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("start", [45001.4, 1.4, -0.7])
def test_a_clock_that_does_not_begin_at_zero_begins_there_afterwards(start: float, suffix: str, tmp_path: Path) -> None:
    name, options = ("a.ts", {}) if start > 0 else ("a.mkv", {"avoid_negative_ts": "disabled"})
    source = remuxed(tmp_path / name, moved(Fraction(start).limit_denominator(10)), **options)
    again, notes = copied(source, tmp_path / f"b{suffix}")
    before, after = seconds(VideoSource(source)), seconds(again)
    assert len(after) == FRAMES_OF_CLIP and 0 <= after[0] < 0.1
    assert [time - after[0] for time in after] == pytest.approx([time - before[0] for time in before], abs=0.0011)
    heard, written = sound_of(source), sound_of(again.path)
    assert len(written) == len(heard)
    assert written[0][0] - after[0] == pytest.approx(heard[0][0] - before[0], abs=0.0015)
    assert again.duration_seconds == pytest.approx(VideoSource(CLIP).duration_seconds, abs=0.05)
    assert notes == ()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_recordings_that_were_joined_follow_each_other(suffix: str, tmp_path: Path) -> None:
    once = remuxed(tmp_path / "a.ts", lambda packet: None)
    (tmp_path / "joined.ts").write_bytes(once.read_bytes() * 3)
    video = VideoSource(tmp_path / "joined.ts")
    assert len(video.frame_times()) == len(list(video.frames())) == 3 * FRAMES_OF_CLIP and video.damage is None
    frames = list(VideoSource(CLIP).frames())
    second = list(video.frames(FRAMES_OF_CLIP, FRAMES_OF_CLIP + 2))
    assert [frame.index for frame in second] == [FRAMES_OF_CLIP, FRAMES_OF_CLIP + 1]
    assert all((one.image == other.image).all() for one, other in zip(second, frames, strict=False))
    again, _ = copied(video.path, tmp_path / f"b{suffix}")
    times, heard = seconds(again), sound_of(again.path)
    assert len(times) == 3 * FRAMES_OF_CLIP and len(heard) == 3 * len(sound_of(CLIP))
    assert_times_grow(again.path)
    length, sounds = VideoSource(CLIP).duration_seconds or 0, len(heard) // 3
    for part in range(3):
        begins = times[part * FRAMES_OF_CLIP]
        assert begins == pytest.approx(times[0] + part * length, abs=0.1)
        assert heard[part * sounds][0] - begins == pytest.approx(heard[0][0] - times[0], abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_frames_that_share_a_time_are_all_kept(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    times = [0, 33, 66, 100, 100, 133, 166, 166, 166, 200]
    with av.open(str(source), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width = stream.height = 64
        packets = []
        for number in range(len(times)):
            packets += stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8)))
        for packet, time in zip([*packets, *stream.encode()], times, strict=True):
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = time
            container.mux(packet)
    video = VideoSource(source)
    assert video.frame_times() == [0, 33, 66, 100, 116, 133, 166, 177, 188, 200]
    frames = list(video.frames())
    assert [round(frame.image.mean() / 20) for frame in frames] == list(range(10))
    (part,) = video.frames(4, 5)
    assert (part.pts, (part.image == frames[4].image).all()) == (116, True)
    again, _ = copied(source, tmp_path / f"b{suffix}")
    assert seconds(again) == pytest.approx([time / 1000 for time in video.frame_times()], abs=0.001)


def test_sound_that_was_cut_away_at_the_start_is_not_heard_again(tmp_path: Path) -> None:
    source = remuxed(tmp_path / "a.mov", moved(Fraction(-7, 10)), avoid_negative_ts="disabled")
    again, _ = copied(source, tmp_path / "b.mkv")
    heard = sound_of(again.path)
    assert seconds(again)[0] - heard[0][0] < 0.11 and heard[0][0] >= 0
    assert len(seconds(again)) == len(list(VideoSource(source).frames())) < FRAMES_OF_CLIP - 15


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_packets_that_share_a_time_are_all_kept(suffix: str, tmp_path: Path) -> None:
    source = CASES / "fragmented_sound_packets_share_times.mp4"
    again, _ = copied(source, tmp_path / f"a{suffix}")
    before, after = sound_of(source), sound_of(again.path)
    assert [data for _, data in after] == [data for _, data in before]
    assert max(abs(one - other) for (one, _), (other, _) in zip(before, after, strict=True)) < 0.03
    assert_times_grow(again.path)


def test_times_that_stand_still_or_go_back_grow() -> None:
    assert growing([0, 10, 10, 20, 20]) == [0, 10, 15, 20, 21]
    assert growing([0, 10, 10, 20, 20], 10) == [0, 10, 15, 20, 30]
    assert growing([5, 3, 4, 8]) == [5, 6, 7, 8]
    assert growing([1, 1, 1, 2, 3]) == [1, 2, 3, 4, 5]
    assert growing([]) == []


@pytest.mark.parametrize(
    ("suffix", "codec", "said"),
    [(".mkv", "srt", ()), (".mp4", "mov_text", ("mov_text",)), (".mov", "mov_text", ("mov_text",))],
)
def test_subtitles_and_chapters_are_kept(suffix: str, codec: str, said: tuple[str, ...], tmp_path: Path) -> None:
    again, notes = copied(CASES / "subtitles_chapters.mkv", tmp_path / f"a{suffix}")
    assert codecs_of(again.path)[2] == codec
    assert len(notes) == len(said) and all(word in note for word, note in zip(said, notes, strict=True))
    with av.open(str(again.path)) as container:
        (chapter,) = container.chapters()
        assert (chapter["metadata"]["title"], float(chapter["end"] * chapter["time_base"])) == ("one", 0.5)
        packets = [packet for packet in container.demux(subtitles=0) if packet.size > 2]
        assert [bytes(packet)[-5:] for packet in packets] == [b"hello"]
        assert float(packets[0].pts * packets[0].time_base) == pytest.approx(0.023, abs=0.001)


def test_without_titles_subtitles_and_chapters_are_named_as_left_out(tmp_path: Path) -> None:
    again, notes = copied(CASES / "subtitles_chapters.mkv", tmp_path / "a.mkv", titles=False)
    assert notes == ("subtitles (srt) are left out", "chapters are left out")
    with av.open(str(again.path)) as container:
        assert not container.streams.subtitles and not container.chapters()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_timecode_is_kept_with_the_titles_or_named(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / "a.mov"
    with av.open(str(source), "w") as container:
        container.metadata["timecode"] = "01:02:03:04"
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode())
    again, notes = copied(source, tmp_path / f"b{suffix}")
    with av.open(str(again.path)) as container:
        said = [dict(container.metadata), *(dict(stream.metadata) for stream in container.streams)]
    assert any("01:02:03:04" in metadata.values() for metadata in said) and notes == ()
    _, notes = copied(source, tmp_path / f"c{suffix}", titles=False)
    assert notes == ("the timecode is left out",)


def test_a_further_video_and_data_are_named(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width = stream.height = 64
        container.add_attachment("notes.txt", "text/plain", b"words")
        for stream in streams:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
            container.mux(stream.encode())
    _, notes = copied(source, tmp_path / "b.mp4")
    assert any("a further video (h264)" in note for note in notes) and any("attachment" in note for note in notes)


def test_a_fragmented_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole = remuxed(
        tmp_path / "a.mp4", lambda packet: None, movflags="frag_keyframe+empty_moov", frag_duration="300000"
    )
    assert VideoSource(whole).damage is None
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    video = VideoSource(cut)
    frames = list(video.frames())
    assert 10 < len(frames) == len(video.frame_times()) < FRAMES_OF_CLIP
    whole_frames = list(VideoSource(CLIP).frames())
    assert all((one.image == other.image).all() for one, other in zip(frames[:-3], whole_frames, strict=False))
    _, (note,) = copied(cut, tmp_path / "again.mp4")
    assert f"cut off within a fragment; what came after frame {len(frames) - 1} is missing" in note


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("12:30 clip.mp4").write_bytes(CLIP.read_bytes())
    again, _ = copied(Path("12:30 clip.mp4"), Path("out: 1.mp4"))
    assert len(again.frame_times()) == FRAMES_OF_CLIP
