"""What any tool has made of a video is measured: the same is the same, blurred is blurred, and flicker is seen."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import MienError, Part
from mien.contracts.face import RgbImage
from mien.errors import ReportNotWrittenError
from mien.evaluation.flicker import changes_along_flow
from mien.evaluation.video_report import VideoEvaluation
from mien.evaluation.videos import VideoOptions, evaluate_video
from mien.media.video_reader import VideoSource
from mien.media.video_writer import VideoSink
from mien.testing import portraits

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"
FAST = VideoOptions(extractor="blazeface", recognizer="encoding", judges=("sface",))


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[RgbImage, int], RgbImage]], Path]:
    def written(change: Callable[[RgbImage, int], RgbImage]) -> Path:
        path, video = tmp_path_factory.mktemp("video") / "clip.mp4", VideoSource(CLIPS / "target_J_2s_audio.mp4")
        with VideoSink(path, video, synthetic=None, quality=5, sound=False) as sink:
            for frame in video.frames(0, 24):
                sink.write(change(frame.image, frame.index), frame.pts, frame.duration)
        return path

    return written


@pytest.fixture(scope="module")
def clip(write: Callable[[Callable[[RgbImage, int], RgbImage]], Path]) -> Path:
    return write(lambda image, _: image)


@pytest.mark.long
def test_a_result_that_is_the_original_keeps_everything(clip: Path, tmp_path: Path) -> None:
    evaluation = evaluate_video(clip, clip, options=FAST, out=tmp_path)
    (face,) = evaluation.faces
    assert (face.frames, face.found, face.pose_degrees) == (24, 1, pytest.approx(0, abs=1e-3))
    assert (face.detail, face.flicker) == (1, 1)
    assert face.follows["mouth_width"] == pytest.approx(1) and face.motion
    assert face.motion.follows["smile"] == pytest.approx(1)
    assert {name: one.verified_as_original for name, one in face.identity.items()} == {"encoding": 1, "sface": 1}
    assert VideoEvaluation.model_validate_json((tmp_path / "video.json").read_text()) == evaluation
    assert dict(evaluation.rows())["flicker, of the original's"] == ["1.00"]


@pytest.mark.long
def test_the_page_shows_frames_of_both_and_curves_over_time(clip: Path, tmp_path: Path) -> None:
    evaluate_video(clip, clip, options=FAST, out=tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "<td>detail, of the original&#39;s</td><td>100%</td>" in page
    assert "clip.mp4 may show faces that were drawn" in page
    strip = cv2.imread(str(tmp_path / "face1.png"))
    above, below = strip[30:170], strip[193:333]
    assert np.abs(above[:, 70:].astype(int) - below[:, 70:]).max() == 0 and above[:, 70:].std() > 20


@pytest.mark.long
def test_envelopes_are_as_hifd_reads_them(clip: Path, tmp_path: Path) -> None:
    evaluate_video(clip, clip, options=FAST, out=tmp_path)
    for task, key in (("landmark", "points"), ("face_embedding", "embedding")):
        for source in ("original", "deid"):
            files = sorted((tmp_path / "hifd" / source).glob(f"{task}_*.json"))
            assert len(files) == (2 if task == "face_embedding" else 1)
            envelope = json.loads(files[0].read_text())
            assert (envelope["task"], envelope["source"], envelope["schema_version"]) == (task, source, "1.0")
            assert len(envelope["predictions"]) == 24 and all(key in one for one in envelope["predictions"].values())


@pytest.mark.long
def test_blur_and_flicker_are_seen(write: Callable[[Callable[[RgbImage, int], RgbImage]], Path], clip: Path) -> None:
    def change(image: RgbImage, number: int) -> RgbImage:
        blurred = cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.int16)
        return np.clip(blurred + (8 if number % 2 else -8), 0, 255).astype(np.uint8)

    (face,) = evaluate_video(clip, write(change), options=FAST).faces
    assert face.detail is not None and face.detail < 0.3
    assert face.flicker is not None and face.flicker > 3
    assert face.found == 1 and face.pose_degrees is not None and face.pose_degrees < 3


def test_of_some_of_the_frames_nothing_is_said_of_flicker(clip: Path) -> None:
    (face,) = evaluate_video(clip, clip, options=replace(FAST, every=6)).faces
    assert (face.frames, face.change, face.flicker) == (4, None, None)


def test_a_cut_ends_a_face_and_a_person_is_one_in_all_shots(two_in_turn: Path) -> None:
    evaluation = evaluate_video(two_in_turn, two_in_turn, options=FAST)
    assert [(face.frames, face.found, face.flicker) for face in evaluation.faces] == [(16, 1, 1), (8, 1, 1)]
    # Within a shot the faces hardly move; over a cut all of it changes.
    assert all(face.change is not None and face.change < 5 for face in evaluation.faces)


def test_the_part_that_a_result_was_made_of_is_compared(clip: Path, tmp_path: Path) -> None:
    part = Part.between("0.1", "0.4")
    video = VideoSource(clip).within(part)
    with VideoSink(tmp_path / "part.mp4", video, synthetic=None, quality=5, sound=False) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    (face,) = evaluate_video(clip, tmp_path / "part.mp4", options=replace(FAST, part=part, every=4)).faces
    assert face.identity["sface"].verified_as_original == 1 and face.detail is not None and face.detail > 0.8


def test_what_is_measured_is_written_whole_or_told(clip: Path, tmp_path: Path, small_files: None) -> None:
    with pytest.raises(ReportNotWrittenError, match="cannot be written") as error:
        evaluate_video(clip, clip, options=replace(FAST, every=12), out=tmp_path / "report")
    assert list(tmp_path.iterdir()) == [] and error.value.report.faces[0].frames == 2
    (tmp_path / "file").write_text("")
    with pytest.raises(MienError, match="is a file, not a folder to write to"):
        evaluate_video(clip, clip, options=VideoOptions(extractor="none"), out=tmp_path / "file")


def test_a_face_that_only_moves_does_not_change() -> None:
    portrait = portraits()[0]
    moved = np.float32([[1, 0, 9], [0, 1, -6]])
    image = cv2.warpAffine(portrait.image, moved, portrait.image.shape[1::-1]).astype(np.uint8)
    landmarks = portrait.landmarks + np.float32([9, -6])
    still, darker = changes_along_flow(
        (portrait.image, portrait.image), (image, (image * 0.8).astype(np.uint8)), portrait.landmarks, landmarks
    )
    assert still < 0.5 < 10 < darker


def test_landmarks_that_open_the_mouth_carry_its_pixels_along() -> None:
    portrait = portraits()[0]
    opened = portrait.landmarks.copy()
    opened[48:] += np.float32([0, 3])
    (along,) = changes_along_flow((portrait.image,), (portrait.image,), portrait.landmarks, opened)
    (without,) = changes_along_flow((portrait.image,), (portrait.image,), portrait.landmarks, portrait.landmarks)
    assert without == 0 < along


def test_what_does_not_fit_is_told(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="is a folder"):
        evaluate_video(tmp_path, clip)
    with pytest.raises(MienError, match="No face was found"):
        evaluate_video(
            CLIPS / "no_face.mp4", CLIPS / "no_face.mp4", options=VideoOptions(extractor="blazeface", every=20)
        )
    with pytest.raises(MienError, match="--every"):
        VideoOptions(every=0)
