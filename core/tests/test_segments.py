"""Long videos in segments: no seam can be seen, and an interrupted call is gone on with."""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien import SessionOptions, SwapReport, swap
from mien.contracts.model import ModelInputs
from mien.errors import MienError
from mien.inference.report import FileReport
from mien.inference.saved_state import restored, saved
from mien.inference.segments import segments_of
from mien.media.files import NothingCanBeWritten, temporary
from mien.media.part import Part
from mien.media.video_parts import decoding_times
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.plugins.registry import Registry
from mien.progress import Silent
from mien.workers import WorkerPool

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIPS = DATA / "clips"
J, TWO = CLIPS / "target_J_2s_audio.mp4", CLIPS / "two_people_2s_audio.mp4"
LOSSLESS = 0
BEGINNING, FRAMES = Part(end=Fraction(4, 5)), 24
SHORT = 0.2


class Stopped(Exception):
    """A call is interrupted."""


@dataclass
class Heard(Silent):
    """Stops a call after so many frames, and keeps what it says."""

    stop_after: int | None = None
    drawn: int = 0
    said: tuple[str, ...] = ()

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.drawn += steps == 1
        if self.drawn == self.stop_after:
            raise Stopped

    def say(self, message: str) -> None:
        self.said += (message,)


@dataclass(frozen=True)
class Runs:
    """Runs of two models that draw what they see, of a frame or of those around it, too."""

    registry: Registry
    folder: Path

    def swap(self, source: Path, output: Path, *, run: str = "mirror", **settings: Any) -> SwapReport:
        more = {key: settings.pop(key) for key in ("progress", "executor") if key in settings}
        options = SessionOptions(
            **{
                "extractor": "blazeface",
                "blender": "paste",
                "credentials": False,
                "overwrite": True,
                "part": BEGINNING,
                **settings,
            }
        )
        return swap(self.folder / run, source, output, "seen", options=options, registry=self.registry, **more)


@pytest.fixture(scope="module")
def runs(
    plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]
) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        registry = Registry([*entry_points(group="mien"), EntryPoint("mirror", "mirror", "mien")])
        folder = tmp_path_factory.mktemp("runs")
        people = ModelInputs(("seen", "green"), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        for model in ("mirror", "echo"):
            write_run(folder / model, registry, model, {}, people, extractor="blazeface")
        yield Runs(registry, folder)


def images_of(path: Path) -> list[np.ndarray]:
    return [frame.image for frame in VideoSource(path).frames()]


def streams_of(path: Path) -> list[object]:
    with av.open(str(path)) as file:
        kinds = [(stream.type, stream.time_base, stream.start_time, stream.duration) for stream in file.streams]
        sound = [(packet.pts, bytes(packet)) for packet in file.demux(file.streams.audio) if packet.size]
        return [kinds, sound, dict(file.metadata), file.duration]


def as_said(report: SwapReport) -> FileReport:
    (file,) = report.files
    return replace(file, output=None)


def hidden_in(folder: Path) -> list[Path]:
    return list(folder.glob(".*"))


@pytest.mark.parametrize("run", ["mirror", pytest.param("echo", marks=pytest.mark.long)])
def test_no_seam_can_be_seen(runs: Runs, tmp_path: Path, run: str) -> None:
    """To the bit: faces are followed over seams, and a model with a window sees beyond them."""
    whole = runs.swap(J, tmp_path / "whole.mp4", run=run, quality=LOSSLESS)
    parted = runs.swap(J, tmp_path / "parted.mp4", run=run, quality=LOSSLESS, segment_seconds=SHORT)
    assert len(segments_of(VideoSource(J).within(BEGINNING), SHORT)) == 4
    before, after = images_of(tmp_path / "whole.mp4"), images_of(tmp_path / "parted.mp4")
    assert len(before) == len(after) == FRAMES
    assert [index for index, (one, other) in enumerate(zip(before, after, strict=True)) if (one != other).any()] == []
    assert VideoSource(tmp_path / "parted.mp4").frame_times() == VideoSource(tmp_path / "whole.mp4").frame_times()
    assert streams_of(tmp_path / "parted.mp4") == streams_of(tmp_path / "whole.mp4")
    assert as_said(parted) == as_said(whole)
    assert hidden_in(tmp_path) == []


@pytest.mark.parametrize(
    "suffix", [".mp4", pytest.param(".mkv", marks=pytest.mark.long), pytest.param(".webm", marks=pytest.mark.long)]
)
def test_however_often_it_is_interrupted_the_result_is_that_of_one_call(
    runs: Runs, tmp_path: Path, suffix: str
) -> None:
    person = tmp_path / "person.png"
    cut_face(TWO, person)
    how = {"person": person, "segment_seconds": SHORT, "run": "echo"}
    undisturbed = runs.swap(TWO, tmp_path / f"undisturbed{suffix}", **how)
    target, calls = tmp_path / f"out{suffix}", 0
    while True:
        heard = Heard(stop_after=8)
        calls += 1
        try:
            report = runs.swap(TWO, target, progress=heard, **how)
            break
        except Stopped:
            assert not target.exists()
            assert len(hidden_in(tmp_path)) == 1
        if calls > 1:
            assert f"goes on after {calls - 1} of 4 segments" in heard.said[0]
    assert calls == 4
    assert target.read_bytes() == (tmp_path / f"undisturbed{suffix}").read_bytes()
    assert as_said(report) == as_said(undisturbed)
    assert hidden_in(tmp_path) == []


def cut_face(source: Path, target: Path) -> None:
    """The left half of the first frame, in which one of two people is."""
    from mien.media.images import write_image

    image = images_of(source)[0]
    write_image(target, image[:, : image.shape[1] // 2], synthetic=None)


@pytest.mark.long
def test_what_was_drawn_otherwise_is_dropped_and_said(runs: Runs, tmp_path: Path) -> None:
    expected = tmp_path / "expected.mp4"
    runs.swap(J, expected, quality=30, segment_seconds=SHORT)
    target = tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        runs.swap(J, target, progress=Heard(stop_after=14), segment_seconds=SHORT)
    heard = Heard()
    runs.swap(J, target, progress=heard, quality=30, segment_seconds=SHORT)
    assert [said.partition("is dropped")[2] for said in heard.said] == ["; this call differs in --quality."]
    assert heard.drawn == FRAMES
    assert target.read_bytes() == expected.read_bytes()
    with pytest.raises(Stopped):
        runs.swap(J, target, progress=Heard(stop_after=14), segment_seconds=SHORT)
    assert target.read_bytes() == expected.read_bytes()
    assert len(hidden_in(tmp_path)) == 1
    runs.swap(J, target)  # as a whole
    assert hidden_in(tmp_path) == []


@pytest.mark.long
def test_a_state_that_cannot_be_read_is_dropped_and_said(runs: Runs, tmp_path: Path) -> None:
    runs.swap(J, tmp_path / "expected.mp4", segment_seconds=SHORT)
    target = tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        runs.swap(J, target, progress=Heard(stop_after=14), segment_seconds=SHORT)
    (folder,) = hidden_in(tmp_path)
    for state in folder.glob("*.state"):
        state.write_bytes(state.read_bytes()[:100])
    heard = Heard()
    runs.swap(J, target, progress=heard, segment_seconds=SHORT)
    assert heard.said[0].endswith("its state cannot be read.")
    assert target.read_bytes() == (tmp_path / "expected.mp4").read_bytes()


def test_a_full_disk_keeps_what_is_drawn(runs: Runs, tmp_path: Path) -> None:
    """/dev/full refuses every write as a full disk does."""
    runs.swap(J, tmp_path / "expected.mp4", segment_seconds=SHORT)
    target = tmp_path / "out.mp4"
    with pytest.raises(Stopped):
        runs.swap(J, target, progress=Heard(stop_after=7), segment_seconds=SHORT)
    (folder,) = hidden_in(tmp_path)

    class Full(Heard):
        def start(self, what: str, total: int | None) -> None:
            temporary(folder / "0001.nut", "partial").symlink_to("/dev/full")

    with pytest.raises(NothingCanBeWritten, match=r"1 of 4 segments of it are drawn, and stay") as raised:
        runs.swap(J, target, progress=Full(), segment_seconds=SHORT)
    assert str(target) in raised.value.message and str(folder) not in raised.value.message
    runs.swap(J, target, segment_seconds=SHORT)
    assert target.read_bytes() == (tmp_path / "expected.mp4").read_bytes()


@pytest.mark.long
def test_workers_draw_the_same(runs: Runs, tmp_path: Path) -> None:
    """Also after an interrupted call that drew on its own."""
    runs.swap(J, tmp_path / "here.mp4", run="echo", segment_seconds=SHORT)
    with pytest.raises(Stopped):
        runs.swap(J, tmp_path / "there.mp4", run="echo", progress=Heard(stop_after=10), segment_seconds=SHORT)
    heard = Heard()
    with WorkerPool(2) as pool:
        there = runs.swap(J, tmp_path / "there.mp4", run="echo", progress=heard, executor=pool, segment_seconds=SHORT)
    assert "goes on after 1 of 4 segments" in heard.said[0]
    assert there.frames == there.faces == FRAMES
    assert (tmp_path / "there.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(J.read_bytes())
    (folder / "broken.mp4").write_bytes(b"no video")
    with WorkerPool(2) as pool:
        of_folder = runs.swap(folder, tmp_path / "done", run="echo", executor=pool, segment_seconds=SHORT)
    assert list(of_folder.failures) == [folder / "broken.mp4"]
    assert (tmp_path / "done" / "clip.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()


def test_segments_begin_at_key_frames_where_one_is_near(tmp_path: Path) -> None:
    video = VideoSource(J)
    assert segments_of(video, 60) == segments_of(video, 1.7) == [range(72)]
    assert segments_of(video, 1) == [range(30), range(30, 72)]
    with VideoSink(tmp_path / "keys.mp4", video, synthetic=None) as sink:
        for frame in video.frames():
            sink.write(255 - frame.image if 33 <= frame.index < 60 else frame.image, frame.pts, frame.duration)
    cut = VideoSource(tmp_path / "keys.mp4")
    assert cut.key_frames() == [0, 33, 60]
    assert segments_of(cut, 1) == [range(33), range(33, 72)]
    assert segments_of(cut.within(Part.between("0.1", None)), 1) == [range(30), range(30, 69)]
    assert len(segments_of(cut, 0.02)) == 72


def test_no_frame_is_decoded_after_it_is_shown() -> None:
    times = [0, 40, 90, 120, 170, 200]
    for ahead in range(4):
        dts = decoding_times(times, ahead)
        assert all(one < other for one, other in pairwise(dts)) and len(dts) == len(times)
        assert all(decoded <= shown for decoded, shown in zip(dts[ahead:], times, strict=False))
    assert decoding_times([5], 2) == [5]


def test_segments_of_no_length_are_refused(runs: Runs, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="Segments of 0 seconds") as raised:
        runs.swap(J, tmp_path / "out.mp4", segment_seconds=0.0)
    assert raised.value.fix == "--segment 60"


def test_a_state_makes_nothing_that_is_none_of_it() -> None:
    """Who can write into the folder cannot have anything called."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("called",))

    video = VideoSource(J)
    assert restored(saved({"a": np.arange(3)}), video, deep=False, made_of={})["a"].tolist() == [0, 1, 2]
    for data in (saved(Evil()), pickle.dumps(Evil())):
        with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
            restored(data, video, deep=False, made_of={})
