"""Long videos anonymized in segments: an interrupted call is gone on with, and nothing of it is left at the end."""

import os
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import SessionOptions
from mien.anonymization.analysis import AnalyzedFrame, FollowedSearch, VideoAnalysis, analyze
from mien.anonymization.kept_video import MADE_OF
from mien.anonymization.people_policy import Anonymized, PeoplePolicy, Swapped
from mien.anonymization.pseudonyms import KeyedPeople, create_key, read_key
from mien.anonymization.search import FaceSearch
from mien.anonymization.verification import LeakSearch
from mien.contracts.face import Box
from mien.contracts.model import ModelInputs
from mien.inference.saved_state import restored, saved
from mien.inference.session import Session
from mien.media.images import write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer

from .anonymizing_segments import (
    CHECKING,
    DRAWING,
    FIRST_TWO,
    FRAMES,
    LONGEST,
    SEARCHING,
    SEGMENTS,
    Heard,
    Stopped,
    as_said,
    hidden_in,
    interrupted,
    run,
)
from .sources import TWO, E, J

LOSSLESS = 0


def images_of(path: Path) -> list[np.ndarray]:
    return [frame.image for frame in VideoSource(path).frames()]


@pytest.fixture(scope="module")
def mirrored(
    plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]
) -> Iterator[dict[str, Any]]:
    """Of two people one is drawn by a model that sees frames around each, the other is hidden."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        registry = Registry([*entry_points(group="mien"), EntryPoint("mirror", "mirror", "mien")])
        folder = tmp_path_factory.mktemp("runs")
        people = ModelInputs(("seen", "green"), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        write_run(folder / "echo", registry, "echo", {}, people, extractor="blazeface")
        for name, clip in (("E", E), ("J", J)):
            write_image(folder / f"{name}.png", images_of(clip)[5], synthetic=None)
        swapped = Swapped(
            images=(folder / "E.png",), action="swap", run=str(folder / "echo"), to="seen", consent="a test"
        )
        hidden = Anonymized.model_validate({"images": (folder / "J.png",), "action": "anonymize", "with": "solid"})
        yield {"registry": registry, "people": PeoplePolicy(people=(swapped, hidden))}


@pytest.mark.long
def test_no_seam_can_be_seen(mirrored: dict[str, Any], tmp_path: Path) -> None:
    """To the bit: also a model with a window sees beyond the seams."""
    whole = run(TWO, tmp_path / "whole.mp4", segment_seconds=60, quality=LOSSLESS, **mirrored)
    parted = run(TWO, tmp_path / "parted.mp4", quality=LOSSLESS, **mirrored)
    before, after = images_of(tmp_path / "whole.mp4"), images_of(tmp_path / "parted.mp4")
    assert len(before) == len(after) == FRAMES
    assert [index for index, (one, other) in enumerate(zip(before, after, strict=True)) if (one != other).any()] == []
    assert as_said(parted) == as_said(whole)
    assert whole.faces == 2 * FRAMES
    assert hidden_in(tmp_path) == []


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.long
def test_however_often_it_is_interrupted_the_result_is_that_of_one_call(
    mirrored: dict[str, Any], tmp_path: Path, suffix: str
) -> None:
    undisturbed = run(TWO, tmp_path / f"undisturbed{suffix}", **mirrored)
    target, calls, done = tmp_path / f"out{suffix}", 0, Counter[str]()
    while True:
        heard = Heard({SEARCHING: LONGEST + 1, DRAWING: LONGEST + 1})
        calls += 1
        try:
            report = run(TWO, target, progress=heard, **mirrored)
            break
        except Stopped:
            assert not target.exists()
            (folder,) = hidden_in(tmp_path)
            assert os.name != "posix" or stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert str(folder) in heard.said[-1] and "the same command goes on after them" in heard.said[-1]
        finally:
            done += heard.done
    # Each call searches a segment and goes on to the next, or draws one.
    assert calls == 2 * SEGMENTS - 1
    assert FRAMES < done[SEARCHING] < 2 * FRAMES and FRAMES < done[DRAWING] < 2 * FRAMES
    assert "goes on after 4 of 4 segments, which are searched already" in heard.said[0]
    assert "3 of 4 segments are drawn already" in heard.said[1]
    assert target.read_bytes() == (tmp_path / f"undisturbed{suffix}").read_bytes()
    assert as_said(report) == as_said(undisturbed)
    assert hidden_in(tmp_path) == []


@pytest.mark.parametrize("pixel_shape", [1, Fraction(4, 3)])
@pytest.mark.long
def test_a_search_that_goes_on_after_any_frame_finds_the_same(tmp_path: Path, pixel_shape: Fraction) -> None:
    """Over a cut, after which one of two is seen again, and where a face is lost; in pixels of any shape."""
    before, after = list(VideoSource(TWO).frames(0, 17)), list(VideoSource(J).frames(0, 20))
    with VideoSink(tmp_path / "clip.mp4", VideoSource(TWO), synthetic=None, quality=5) as sink:
        for number, frame in enumerate([*before, *after]):
            image = np.full_like(before[0].image, 128)
            height, width = frame.image.shape[:2]
            image[:height, :width] = frame.image[: image.shape[0]]
            if 8 <= number < 11:
                image[:, : width // 2] = 128
            sink.write(image, number * before[1].pts)
    video = VideoSource(tmp_path / "clip.mp4")
    video.pixel_shape = Fraction(pixel_shape)
    session = Session.open("blocks", options=SessionOptions(extractor="blazeface"))
    search = FaceSearch.open(session.detector, "fast", 2, Registry())
    recognizer = Recognizer(Registry())

    @dataclass
    class Kept:
        frames: list[AnalyzedFrame] = field(default_factory=list)
        known: FollowedSearch = field(default_factory=FollowedSearch)
        states: dict[int, bytes] = field(default_factory=dict)

        def restored(self) -> tuple[list[AnalyzedFrame], FollowedSearch]:
            return self.frames, self.known

        def keep(self, frames: list[AnalyzedFrame], known: FollowedSearch) -> None:
            self.states[len(frames)] = saved((frames, known))

    kept = Kept()
    expected = analyze(video, session, search, recognizer, [30], kept)
    assert (len(kept.states), len(set(expected.shots)), expected.people) == (37, 2, 2)
    for number in range(1, 38, 4):
        begun = Kept(*restored(kept.states[number], video, deep=False, made_of=MADE_OF))
        found = analyze(video, session, search, recognizer, [30], begun)
        assert sorted(begun.states) == list(range(number + 1, 38))
        assert as_plain(found) == as_plain(expected), number


def as_plain(analysis: VideoAnalysis) -> str:
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        return repr(analysis)


KILLED = """
import os, signal, sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from anonymizing_segments import DRAWING, Heard, run

class Killed(Heard):
    def advance(self, steps=1, **figures):
        super().advance(steps, **figures)
        if self.done[DRAWING] == 14:
            os.kill(os.getpid(), signal.SIGKILL)

run(Path(sys.argv[1]), Path(sys.argv[2]), progress=Killed(), check=True)
"""


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_killed_while_it_draws_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    undisturbed = run(J, tmp_path / "undisturbed.mp4", check=True)
    target = tmp_path / "out.mp4"
    script = KILLED.format(folder=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", script, str(J), str(target)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not target.exists()
    heard = Heard()
    report = run(J, target, progress=heard, check=True)
    assert (heard.done[SEARCHING], heard.done[DRAWING]) == (0, FRAMES - FIRST_TWO)
    assert heard.done[CHECKING] > 0 and report.check == undisturbed.check
    assert target.read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
    assert as_said(report) == as_said(undisturbed)
    assert hidden_in(tmp_path) == []


@pytest.mark.long
def test_with_a_key_who_came_before_the_interruption_is_who_they_were(tmp_path: Path) -> None:
    keys = [tmp_path / name for name in ("undisturbed.key", "project.key", "other.key")]
    create_key(keys[0])
    keys[1].write_bytes(keys[0].read_bytes())
    create_key(keys[2])
    how = {"method": "morph", "extractor": "blazeface"}
    run(J, tmp_path / "undisturbed.mp4", key=keys[0], **how)
    interrupted(J, tmp_path / "out.mp4", key=keys[1], **how)
    heard = Heard()
    run(J, tmp_path / "out.mp4", key=keys[1], progress=heard, **how)
    assert heard.done[DRAWING] == FRAMES - FIRST_TWO
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
    recognizer = Recognizer(Registry())
    met = []
    for key in keys[:2]:
        with KeyedPeople(key, read_key(key), recognizer).opened() as people:
            met.append([(one.id, len(one.encodings)) for one in people.known])
    assert met[0] == met[1] != []
    interrupted(J, tmp_path / "out.mp4", key=keys[1], **how)
    heard = Heard()
    run(J, tmp_path / "out.mp4", key=keys[2], progress=heard, **how)
    assert heard.said[0].endswith("this call differs in --seed or --key.")
    assert (heard.done[SEARCHING], heard.done[DRAWING]) == (0, FRAMES)
    assert hidden_in(tmp_path) == []


@pytest.mark.long
def test_a_face_that_only_the_check_sees_has_its_segments_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if that is interrupted: the whole output is checked again."""
    checks = Counter[str]()

    def leaks(self: LeakSearch, image: np.ndarray, known: Any, hidden: Any, pixel_shape: float = 1.0) -> list[Box]:
        checks["frames"] += 1
        is_hidden = any(region.left < 20 and region.top < 20 for region in hidden)
        is_one = image[60:68, 60:68].mean() == images[20][60:68, 60:68].mean()
        return [] if is_hidden or not is_one else [Box(10, 10, 30, 30)]

    run(J, tmp_path / "before.mp4")
    images = images_of(tmp_path / "before.mp4")
    monkeypatch.setattr(LeakSearch, "leaks", leaks)
    heard = Heard()
    undisturbed = run(J, tmp_path / "undisturbed.mp4", check=True, progress=heard)
    assert undisturbed.leaks == 1
    assert FRAMES < heard.done[DRAWING] < 2 * FRAMES
    anew = heard.done[DRAWING] - FRAMES
    with pytest.raises(Stopped):
        run(J, tmp_path / "out.mp4", check=True, progress=Heard({DRAWING: FRAMES + anew - 1}))
    checks.clear()
    heard = Heard()
    report = run(J, tmp_path / "out.mp4", check=True, progress=heard)
    assert (heard.done[SEARCHING], heard.done[DRAWING] <= anew) == (0, True)
    assert checks["frames"] > 0
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "undisturbed.mp4").read_bytes()
    assert as_said(report) == as_said(undisturbed)
    assert hidden_in(tmp_path) == []
