"""A part of a video has the frames that are shown in it, and the sound, subtitles and chapters that belong to them."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien import MienError
from mien.media.animation import open_sink, open_video
from mien.media.part import Part, clock_of, seconds_of, timecode_after
from mien.media.video_reader import VideoSource

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CASES, CLIP = DATA / "cases", DATA / "clips" / "target_J_2s_audio.mp4"
CLIPS = [
    CLIP,
    DATA / "clips" / "vfr.mp4",
    DATA / "clips" / "vp9_opus.webm",
    CASES / "interlaced_pan_tff.mts",
    CASES / "transport_stream.ts",
    CASES / "animated.webp",
]


def between(start: float | None, end: float | None) -> Part:
    return Part(*(None if time is None else Fraction(time).limit_denominator(1000) for time in (start, end)))


def sound_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [
            (float(p.pts * p.time_base), bytes(p)) for p in container.demux(audio=0) if p.size and p.pts is not None
        ]


def written(source: Path, target: Path, part: Part, **options: Any) -> tuple[VideoSource, tuple[str, ...]]:
    video = open_video(source).within(part)
    with open_sink(target, video, synthetic=None, **options) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    return open_video(target), sink.notes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("90.5", 90.5),
        ("1:30.5", 90.5),
        ("0:01:30.500", 90.5),
        ("01:00:00", 3600),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert seconds_of(clock_of(Fraction(seconds))) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "75:00", "0:99", "a", "1:60", "1e3", "1:"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(MienError, match="is no time"):
        seconds_of(text)


def test_a_part_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(MienError, match=r"ends at 0:00:01\.000, but begins at 0:00:02\.000"):
        between(2, 1)
    with pytest.raises(MienError, match="before the first frame"):
        between(-1, None)


@pytest.mark.long
@pytest.mark.parametrize("source", CLIPS, ids=lambda path: path.name)
def test_parts_that_meet_have_each_frame_once(source: Path) -> None:
    video = open_video(source)
    whole = list(video.frames())
    since = [round(float((frame.pts - whole[0].pts) * video.time_base), 3) for frame in whole]  # as a player shows it
    first, last = since[len(since) // 3], since[2 * len(since) // 3]
    parts = [video.within(between(*ends)) for ends in ((None, first), (first, last), (last, None))]
    frames = [frame for part in parts for frame in part.frames()]
    assert (
        [frame.pts for frame in frames] == [frame.pts for frame in whole] == [t for p in parts for t in p.frame_times()]
    )
    assert all((one.image == other.image).all() for one, other in zip(frames, whole, strict=True))
    for part in parts:
        assert [frame.index for frame in part.frames()] == list(range(len(part.frame_times())))
    middle = parts[1]
    end = len(middle.frame_times()) - 1
    (alone,) = middle.frames(only=[end])
    assert alone.index == end and (alone.image == frames[len(since) // 3 + end].image).all()
    assert [frame.index for frame in middle.frames(0, 1)] == [0] and list(middle.frames(10**6)) == []
    assert middle.first_frame == len(since) // 3
    assert middle.within(between(0, None)).frame_times() == middle.frame_times()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_sound_stays_in_step_and_belongs_to_the_part(suffix: str, tmp_path: Path) -> None:
    start, end = 0.8, 1.7
    source = DATA / "clips" / "vp9_opus.webm" if suffix == ".webm" else CLIP
    again, notes = written(source, tmp_path / f"a{suffix}", between(start, end))
    times = [float(time * again.time_base) for time in again.frame_times()]
    video = VideoSource(source)
    origin = video.frame_times()[0]
    kept = [t for time in video.frame_times() if start <= (t := float((time - origin) * video.time_base)) < end]
    assert times == pytest.approx([time - kept[0] for time in kept], abs=0.0011)
    begins = float(origin * video.time_base) + kept[0]
    heard = [(time - begins, data) for time, data in sound_of(source) if begins <= time < begins + end - kept[0]]
    after = sound_of(again.path)
    assert [data for _, data in after] == [data for _, data in heard] and len(heard) > 30
    assert [time for time, _ in after] == pytest.approx([time for time, _ in heard], abs=0.0015)
    assert after[0][0] < 0.03
    assert notes[0].startswith("it holds 0:00:00.800 to 0:00:01.700 of the source: frames ")
    assert notes[0].endswith(f" of {len(video.frame_times())}")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_part_from_the_beginning_keeps_the_sound_before_its_images(suffix: str, tmp_path: Path) -> None:
    whole, _ = written(CLIP, tmp_path / f"a{suffix}", Part())
    part, _ = written(CLIP, tmp_path / f"b{suffix}", between(None, 1))
    some = sound_of(part.path)
    assert some == sound_of(whole.path)[: len(some)] and 35 < len(some) < 60
    assert len(part.frame_times()) == 30


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_subtitles_and_chapters_are_cut_to_the_part(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    lines = [(0, 500, b"before"), (900, 600, b"at its start"), (1500, 100, b"within"), (1900, 5000, b"at its end")]
    with (
        av.open(str(CLIP)) as read,
        av.open(str(CASES / "subtitles_chapters.mkv")) as other,
        av.open(str(source), "w") as file,
    ):
        copies = {stream.index: file.add_stream_from_template(stream) for stream in read.streams}
        texts = file.add_stream_from_template(other.streams.subtitles[0])
        chapters = [(0, 1000, "one"), (1000, 1800, "two"), (1800, 2400, "three"), (2400, 9000, "four")]
        unit = Fraction(1, 1000)
        file.set_chapters(
            [{"id": n, "start": start, "end": end, "time_base": unit, "metadata": {"title": title}}
             for n, (start, end, title) in enumerate(chapters)]
        )  # fmt: skip
        for packet in read.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                file.mux(packet)
        for start, duration, line in lines:
            text = av.Packet(line)
            text.stream, text.time_base, text.pts, text.dts, text.duration = texts, unit, start, start, duration
            file.mux(text)
    again, _ = written(source, tmp_path / f"a{suffix}", between(1.2, 2))
    with av.open(str(again.path)) as container:
        told = [(c["metadata"]["title"], float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]))
                for c in container.chapters()]  # fmt: skip
        shown = [
            (
                bytes(packet).lstrip(bytes(range(32))),
                *(float(t * packet.time_base) for t in (packet.pts, packet.duration)),
            )
            for packet in container.demux(subtitles=0)
            if packet.size > 2
        ]
    assert [title for title, *_ in told] == ["two", "three"]
    # Where sound begins before its images, such a file moves all but chapters by that.
    assert [time for _, *times in told for time in times] == pytest.approx([0, 0.577, 0.577, 0.8], abs=0.002)
    assert [line for line, *_ in shown] == [b"at its start", b"within", b"at its end"]
    assert [time for _, *times in shown for time in times] == pytest.approx([0, 0.3, 0.3, 0.1, 0.7, 0.1], abs=0.003)


def test_what_is_missing_after_a_part_does_not_matter(tmp_path: Path) -> None:
    cut_off = DATA / "clips" / "truncated_faststart.mp4"
    whole = VideoSource(cut_off)
    assert whole.damage
    part = whole.within(between(0.1, 0.3))
    part.check_whole()
    assert len(list(part.frames())) == len(part.frame_times()) > 3
    for ends in ((0.1, None), (0.1, 100)):
        with pytest.raises(MienError, match="cut off"):
            whole.within(between(*ends)).check_whole()
    end = float((whole.frame_times()[-1] - whole.frame_times()[0]) * whole.time_base)
    whole.within(between(None, end)).check_whole()


def test_a_part_without_a_frame_is_an_error() -> None:
    with pytest.raises(MienError, match=r"shows no frame from 0:00:09\.000: its last one begins at 0:00:02\.") as error:
        VideoSource(CLIP).within(between(9, None))
    assert error.value.fix == "--start 0:00:00.000"


@pytest.mark.parametrize(
    ("timecode", "frames", "rate", "later"),
    [
        ("01:02:03:04", 25, Fraction(25), "01:02:04:04"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 107892, Fraction(30000, 1001), "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("00:00:59:29", 1, Fraction(30000, 1001), "00:01:00:00"),
        ("no timecode", 0, Fraction(25), "no timecode"),
        ("no timecode", 1, Fraction(25), None),
    ],
)
def test_a_timecode_goes_on(timecode: str, frames: int, rate: Fraction, later: str | None) -> None:
    assert timecode_after(timecode, frames, rate) == later


def test_every_frame_has_a_timecode_of_its_own() -> None:
    rate = Fraction(30000, 1001)
    codes = [timecode_after("00:08:58;20", frames, rate) for frames in range(1, 4000)]
    assert len(set(codes)) == len(codes)
    for code, following in pairwise(codes):
        assert code is not None and timecode_after(code, 1, rate) == following
    assert not np.any([str(code).endswith(("00;00", "00;01")) and code[3:5] != "10" for code in codes if code])


@pytest.mark.long
def test_of_a_part_is_preprocessed_what_is_shown_in_it(third_party: Any, tmp_path: Path) -> None:
    clips = [DATA / "clips" / name for name in ("target_E_4s_silent.mp4", "single_frame.mp4")]
    part = between(1, 2.5)
    (tmp_path / "whole").mkdir()
    whole = third_party.preprocess(tmp_path / "whole", sources=clips[:1]).dataset
    made = third_party.preprocess(tmp_path / "part", sources=clips, part=part).dataset
    video = VideoSource(clips[0])
    wanted = range(
        video.within(part).first_frame, video.within(part).first_frame + len(video.within(part).frame_times())
    )
    index, of_whole = made.index().to_pylist(), whole.index().to_pylist()
    same = [row for row in of_whole if row["frame"] in wanted]
    assert [row["frame"] for row in index] == list(wanted) == [row["frame"] for row in same]
    assert [row["pts"] for row in index] == [row["pts"] for row in same]
    assert (made.crops()[:] == whole.crops()[[row["frame"] for row in same]]).all()
    (other,) = (row for row in made.dropped().to_pylist() if row["source"].endswith("single_frame.mp4"))
    assert "shows no frame from 0:00:01.000 to 0:00:02.500" in other["dropped"]
    assert third_party.preprocess(tmp_path / "part").up_to_date  # what is not said stays as it is
    with pytest.raises(MienError, match=r"videos read from 0:00:01\.000 to 0:00:02\.500, and you asked for read from"):
        third_party.preprocess(tmp_path / "part", part=between(0, None))
    assert "--start 0:00:01.000 --end 0:00:02.500" in made.info.as_options()
    again = third_party.preprocess(tmp_path / "part", again=True, sources=clips).dataset
    assert again.info.part == Part() and len(again) > len(made)


def test_a_video_that_is_cut_off_after_the_part_is_whole_in_it(third_party: Any, tmp_path: Path) -> None:
    cut = DATA / "clips" / "truncated_faststart.mp4"
    made = third_party.preprocess(tmp_path / "cut", sources=[cut], part=between(0, 0.5)).dataset
    assert made.info.counts.unreadable == 0 and made.info.counts.read > 10
