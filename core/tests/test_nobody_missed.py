"""Nobody is left as they were: in clips of tests/data, also if detections are knocked out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import AnonymizeOptions, ExtractorSet, Registry, anonymize
from mien.anonymization.linking import LinkedFrames, SearchedFrame
from mien.anonymization.search import FaceSearch, default_extractors, search_image
from mien.contracts.face import SURELY_A_FACE, Box, Face, RgbImage
from mien.media.images import read_image, write_image
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
CLIP, FRAMES, EVERY = CLIPS / "two_people_2s_audio.mp4", 40, 8
UNCHANGED = 4.0
"""Mean difference, of 255, below which a face is as it was: encoding alone changes it by 1 to 2."""
LOSSES = [("none", 0.0), ("each", 0.05), ("each", 0.2), ("each", 0.5), ("runs", 0.05), ("runs", 0.2), ("runs", 0.5)]
RUN_FRAMES = 15

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, video = tmp_path_factory.mktemp("clip") / "clip.mp4", VideoSource(CLIP)
    with VideoSink(path, video, synthetic=None, quality=5) as sink:
        for frame in video.frames(0, FRAMES):
            sink.write(frame.image, frame.pts, frame.duration)
    return path


@pytest.fixture(scope="module")
def known(clip: Path) -> dict[int, tuple[RgbImage, list[Box]]]:
    """Some frames and where a search from all sides sees faces in them."""
    extractors = ExtractorSet(default_extractors(Registry()), Registry())
    return {
        frame.index: (frame.image, sure_boxes(search_image(frame.image, extractors)))
        for frame in VideoSource(clip).frames()
        if frame.index % EVERY == 0
    }


def sure_boxes(faces: Sequence[Face]) -> list[Box]:
    return [face.box for face in faces if face.score >= SURELY_A_FACE]


def left_as_they_were(before: RgbImage, after: RgbImage, boxes: Sequence[Box]) -> list[Box]:
    def change(box: Box) -> float:
        rows, columns = slice(max(int(box.top), 0), int(box.bottom)), slice(max(int(box.left), 0), int(box.right))
        return float(cv2.absdiff(before[rows, columns], after[rows, columns]).mean())

    return [box for box in boxes if change(box) < UNCHANGED]


@pytest.mark.parametrize(("kind", "share"), LOSSES)
def test_nobody_is_left_as_they_were(
    clip: Path,
    known: dict[int, tuple[RgbImage, list[Box]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    share: float,
) -> None:
    assert sum(len(boxes) for _, boxes in known.values()) >= 2 * len(known)
    search = FaceSearch.video

    @contextmanager
    def lossy(
        self: FaceSearch, video: VideoSource, linked: LinkedFrames | None = None
    ) -> Iterator[Iterator[tuple[SearchedFrame, list[Face]]]]:
        with search(self, video, linked) as frames:
            yield ((seen, kept(seen.frame.index, faces)) for seen, faces in frames)

    def kept(frame: int, faces: Sequence[Face]) -> list[Face]:
        if kind == "runs":
            return [] if np.random.default_rng([1, frame // RUN_FRAMES]).random() < share else list(faces)
        lost = np.random.default_rng([2, frame]).random(len(faces)) < share
        return [face for face, is_lost in zip(faces, lost, strict=True) if not is_lost]

    monkeypatch.setattr(FaceSearch, "video", lossy)
    report = anonymize(clip, tmp_path / "out.mp4", method="blocks", options=AnonymizeOptions(check=False, sound=False))
    shown = {frame.index: frame.image for frame in VideoSource(tmp_path / "out.mp4").frames()}
    assert len(shown) == report.frames == FRAMES
    for index, (image, boxes) in known.items():
        assert left_as_they_were(image, shown[index], boxes) == [], index
    if kind == "none":
        assert report.frames_hidden == 0


def test_what_the_search_had_missed_is_found_in_the_output_and_hidden(
    known: dict[int, tuple[RgbImage, list[Box]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search sees one of two faces; an extractor that took no part sees the other in what was written."""
    image, boxes = known[0]
    write_image(tmp_path / "two.png", image, synthetic=None)
    search = FaceSearch.image
    monkeypatch.setattr(FaceSearch, "image", lambda self, image: search(self, image)[:1])
    report = anonymize(tmp_path / "two.png", tmp_path / "out.png", method="blocks")
    assert report.leaks == 1 and report.files[0].hidden_in_part and not report.failures
    assert left_as_they_were(image, read_image(tmp_path / "out.png"), boxes) == []

    unchecked = AnonymizeOptions(check=False)
    report = anonymize(tmp_path / "two.png", tmp_path / "bad.png", method="blocks", options=unchecked)
    assert len(left_as_they_were(image, read_image(tmp_path / "bad.png"), boxes)) == 1


def test_what_only_may_be_a_face_is_hidden_by_blocks_and_not_drawn(
    known: dict[int, tuple[RgbImage, list[Box]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = known[0]
    write_image(tmp_path / "two.png", image, synthetic=None)
    search = FaceSearch.image

    def doubtful(self: FaceSearch, image: RgbImage) -> list[Face]:
        first, *others = search(self, image)
        return [first, *(replace(face, score=0.5) for face in others)]

    monkeypatch.setattr(FaceSearch, "image", doubtful)
    (file,) = anonymize(tmp_path / "two.png", tmp_path / "out.png").files
    assert (file.faces, file.undrawn >= 1) == (1, True) and file.hidden_in_part


def test_a_badge_that_only_the_check_takes_for_a_face_is_hidden(tmp_path: Path) -> None:
    source = CLIPS.parent / "images" / "doubtful" / "false_face_on_badge.jpg"
    (file,) = anonymize(source, tmp_path / "out.png", method="blocks").files
    assert file.faces == file.leaks == 1 and not file.failure
    badge = Box(129, 335, 223, 428)
    assert left_as_they_were(read_image(source), read_image(tmp_path / "out.png"), [badge]) == []
