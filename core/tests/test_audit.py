"""An audit finds the faces that were left, and only those, whatever tool made the output."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import AuditOptions, AuditReport, MienError, Part, Registry, audit
from mien.anonymization.redaction import redact_regions
from mien.anonymization.region import Region
from mien.auditing.attacks import accepted, enrolled, identified, trained
from mien.auditing.choice import choose_plugins
from mien.auditing.frames import pair_frames
from mien.auditing.pairs import pair_files
from mien.auditing.unchanged import IS_UNCHANGED, unchanged_share
from mien.contracts.face import Box, Face, RgbImage
from mien.errors import ReportNotWrittenError
from mien.geometry.boxes import longer_side
from mien.media.files import fitting
from mien.media.images import read_image, write_image
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.plugins.extractor_set import ExtractorSet

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
TWO = DATA / "clips" / "two_people_2s_audio.mp4"
FACE = DATA / "images" / "formats" / "rgb.png"
FAST = AuditOptions(extractor="blazeface", recognizer="encoding")


@pytest.fixture(scope="module")
def finder() -> ExtractorSet:
    return ExtractorSet("centerface", Registry())


def hidden(image: RgbImage, finder: ExtractorSet) -> RgbImage:
    reach = 0.2
    regions = []
    for face in finder.extract(image):
        by, box = reach * longer_side(face.box), face.box
        regions.append(Region(box.left - by, box.top - by, box.right + by, box.bottom + by))
    return redact_regions(image, regions)


def cut(
    source: Path, target: Path, frames: slice, change: Callable[[Frame], RgbImage | None], quality: int = 23
) -> Path:
    """A piece of a clip, its frames changed; those of which nothing is left are left out."""
    video = VideoSource(source)
    with VideoSink(target, video, synthetic=None, quality=quality, sound=False) as sink:
        for frame in video.frames(frames.start, frames.stop):
            if (image := change(frame)) is not None:
                sink.write(image, frame.pts, frame.duration)
    return target


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut(TWO, tmp_path_factory.mktemp("clip") / "two.mp4", slice(0, 12), lambda frame: frame.image, quality=5)


def test_frames_that_were_left_out_are_leaks(clip: Path, tmp_path: Path, finder: ExtractorSet) -> None:
    def change(frame: Frame) -> RgbImage:
        if frame.index in (4, 5):
            return frame.image
        image = hidden(frame.image, finder)
        if frame.index == 8:  # one of two people
            image[:, : image.shape[1] // 2] = frame.image[:, : image.shape[1] // 2]
        return image

    output = cut(clip, tmp_path / "out.mp4", slice(0, 12), change)
    report = audit(clip, output, options=FAST, out=tmp_path / "report")
    assert [leak.frame for leak in report.leaks] == [4, 4, 5, 5, 8]
    assert all(leak.is_unchanged and leak.is_recognized for leak in report.leaks)
    assert {leak.person for leak in report.leaks} == {0, 1}
    (file,) = report.files
    assert (file.frames, file.faces, file.leaks, file.leaking_frames) == (12, 24, 5, [4, 5, 8])
    assert report.verification.verified == 5 and report.verification.people == 2
    assert report.verification.accepted and report.verification.accepted.impostor_pairs == 24

    said = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert AuditReport.model_validate(said) == report
    for leak in report.leaks:
        assert leak.image and read_image(tmp_path / "report" / leak.image).shape == (128, 256, 3)
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 5 and "Do not publish it" in page
    assert "5 faces of the output show who was there" in page and "http" not in page


def test_hidden_faces_are_no_leaks(clip: Path, tmp_path: Path, finder: ExtractorSet) -> None:
    output = cut(clip, tmp_path / "out.mp4", slice(0, 12), lambda frame: hidden(frame.image, finder))
    report = audit(clip, output, options=replace(FAST, most_frames=2, frames=(5, 99)))
    assert (report.frames, report.faces, report.leaks, report.doubtful) == (3, 6, [], [])


def test_whoever_was_to_stay_is_no_leak(clip: Path, tmp_path: Path) -> None:
    frame = next(VideoSource(clip).frames(0, 1)).image
    write_image(tmp_path / "left.png", frame[:, : frame.shape[1] // 2], synthetic=None)
    report = audit(clip, clip, options=replace(FAST, most_frames=2, keep=(tmp_path / "left.png",)))
    assert len(report.leaks) == 2 and report.files[0].kept == 2
    assert all(leak.box[0] > frame.shape[1] // 2 for leak in report.leaks)


def test_an_output_of_another_size_and_rate_is_compared_all_the_same(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    small = tmp_path / "small.mp4"
    halved = cut(clip, tmp_path / "halved.mp4", slice(0, 12), lambda frame: None if frame.index % 2 else frame.image)
    width, height = source.width // 4 * 2, source.height // 4 * 2
    with cut_to_size(small, source, width, height) as sink:
        for frame in VideoSource(halved).frames():
            sink.write(
                cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA), frame.pts, frame.duration
            )
    report = audit(clip, small, options=replace(FAST, every=3))
    assert [leak.frame for leak in report.leaks] == [0, 0, 3, 3]
    scaled, timed = report.files[0].notes
    assert "scaled" in scaled and "has 6 frames, the original 12" in timed


def cut_to_size(path: Path, like: VideoSource, width: int, height: int) -> VideoSink:
    resized = VideoSource(like.path)
    resized.width, resized.height = width, height
    return VideoSink(path, resized, synthetic=None, quality=10, sound=False)


def test_an_output_that_begins_later_is_moved(tmp_path: Path) -> None:
    source = DATA / "clips" / "target_E_4s_silent.mp4"
    later = cut(source, tmp_path / "later.mp4", slice(0, 90), lambda frame: None if frame.index < 6 else frame.image)
    (pair,) = pair_files(source, later).pairs
    frames = pair_frames(pair)
    # The clip stays nearly still: where moving it makes no visible difference, it stays as it is.
    moved = frames.original_frames[0]
    assert moved in (0, 6) and (moved == 0 or "6 frames later" in " ".join(frames.notes))


def test_two_films_are_not_compared(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="do not show the same"):
        audit(TWO, clip, options=FAST)
    with pytest.raises(MienError, match="cut or turned"):
        audit(DATA / "clips" / "target_E_4s_silent.mp4", DATA / "clips" / "odd_361x203_yuv444.mp4", options=FAST)
    with pytest.raises(MienError, match="is a video"):
        audit(FACE, clip, options=FAST)
    with pytest.raises(MienError, match="is a folder"):
        audit(tmp_path, clip, options=FAST)


def test_the_files_of_folders_belong_together_by_their_names(tmp_path: Path, finder: ExtractorSet) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for name in ("same.png", "b/other.png", "deface.png", "lost.png"):
        (before / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FACE, before / name)
    image = read_image(FACE)
    for name, made in (("same.png", hidden(image, finder)), ("b/other.jpg", image), ("deface_anonymized.png", image)):
        (after / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(after / name, made, synthetic=None)
    (after / "broken.png").write_bytes(FACE.read_bytes()[:500])
    shutil.copy(FACE, before / "broken.png")
    report = audit(before, after, options=FAST)
    assert report.without_output == [str(before / "lost.png")]
    leaks = {Path(file.output).name: file.leaks for file in report.files}
    assert leaks == {"same.png": 0, "other.jpg": 1, "deface_anonymized.png": 1, "broken.png": 0}
    assert list(report.failures) == [str(after / "broken.png")]


def test_files_without_an_original_are_searched_and_every_output_of_one_is_judged(
    tmp_path: Path, finder: ExtractorSet
) -> None:
    before, after, image = tmp_path / "before", tmp_path / "after", read_image(FACE)
    for folder in (before, after, tmp_path / "elsewhere"):
        folder.mkdir()
    shutil.copy(FACE, before / "a.png")
    for name, shown in (("a.png", hidden(image, finder)), ("a_anonymized.png", image), ("forgotten.png", image)):
        write_image(after / name, shown, synthetic=None)
    write_image(after / "title.png", np.full_like(image, 90), synthetic=None)
    shutil.copy(DATA / "clips" / "single_frame.mp4", after / "clip.mp4")
    for name in ("raw.dng", "a.png.c2pa", "notes.txt"):
        (after / name).write_bytes(b"x")
    for folder in (before, after):
        (folder / "linked").symlink_to(tmp_path / "elsewhere")
    report = audit(before, after, options=FAST, out=tmp_path / "report")
    assert {Path(file.output).name: file.leaks for file in report.files} == {"a.png": 0, "a_anonymized.png": 1}
    found = {Path(file.output).name: (file.faces, file.frames_with_faces) for file in report.without_original}
    assert found == {"clip.mp4": (1, [0]), "forgotten.png": (1, [0]), "raw.dng": (0, []), "title.png": (0, [])}
    assert [Path(file.output).name for file in report.unexplained] == ["clip.mp4", "forgotten.png"]
    assert list(report.failures) == [str(after / "raw.dng")]
    assert report.passed_over == [str(before / "linked"), str(after / "linked"), str(after / "notes.txt")]
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "2 files without an original show faces" in page and "forgotten.png shows 1 face" in page
    kept = audit(before, after, options=replace(FAST, keep=(FACE,)))
    assert [(file.kept, file.faces) for file in kept.without_original if "forgotten" in file.output] == [(1, 0)]


def test_an_output_belongs_to_the_original_that_it_is_named_after_best(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "n" * 251 + ".png", "b.gif", "c.bmp", "c.webp"):
        (tmp_path / "before").mkdir(exist_ok=True)
        shutil.copy(FACE, tmp_path / "before" / name)
    long = fitting(tmp_path / "after" / ("n" * 251 + ".png.webp"), ".webp").name
    for name in ("a.png", "a.webp", long, "b.gif.png", "c_anonymized.jpg", "d.png"):
        (tmp_path / "after").mkdir(exist_ok=True)
        shutil.copy(FACE, tmp_path / "after" / name)
    files = pair_files(tmp_path / "before", tmp_path / "after")
    assert sorted((pair.original.path.name, pair.output.name) for pair in files.pairs) == sorted(
        [
            *(("a.jpg", "a.webp"), ("a.png", "a.png"), ("a.png", "a.webp"), ("b.gif", "b.gif.png")),
            *(("c.bmp", "c_anonymized.jpg"), ("c.webp", "c_anonymized.jpg"), ("n" * 251 + ".png", long)),
        ]
    )
    assert [source.path.name for source in files.without_original] == ["d.png"]


def test_whoever_is_at_the_same_place_after_a_cut_is_somebody_else(two_in_turn: Path) -> None:
    report = audit(two_in_turn, two_in_turn, options=replace(FAST, every=2))
    assert (report.frames, report.verification.people) == (12, 2)
    assert [leak.person for leak in report.leaks] == [0] * 4 + [1] * 4 + [0] * 4


def test_a_report_appears_whole_or_not_at_all_and_is_not_lost(tmp_path: Path, small_files: None) -> None:
    with pytest.raises(ReportNotWrittenError, match="cannot be written: File too large") as error:
        audit(FACE, FACE, options=FAST, out=tmp_path / "new" / "report")
    assert list(tmp_path.iterdir()) == [] and len(error.value.report.leaks) == 1
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ReportNotWrittenError):
        audit(FACE, FACE, options=FAST, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "report"):
        with pytest.raises(MienError, match="is a file, not a folder to write to"):
            audit(FACE, FACE, options=AuditOptions(extractor="none"), out=out)


@pytest.mark.parametrize(
    ("change", "is_left"),
    [
        (lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1), True),
        (lambda image: np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8), True),
        (lambda image: np.concatenate([image[:, :178], image[:, 178:] * 0 + 120], 1), True),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 2), True),
        (lambda image: cv2.blur(image, (80, 80)), False),
        (lambda image: image[:, ::-1].copy(), False),
        (lambda image: image // 255, False),
    ],
    ids=["jpeg", "brighter", "half of it hidden", "a little blurred", "blurred", "mirrored", "black"],
)
def test_what_counts_as_unchanged(change: Callable[[RgbImage], RgbImage], is_left: bool, finder: ExtractorSet) -> None:
    image = read_image(FACE)
    (face,) = finder.extract(image)
    assert (unchanged_share(image, change(image), face) >= IS_UNCHANGED) is is_left
    assert unchanged_share(image, image, face) == 1.0


def test_what_stays_around_a_new_face_is_not_the_face() -> None:
    image = read_image(FACE)
    (face,) = ExtractorSet("blazeface", Registry()).extract(image)
    assert face.landmarks is not None
    low, high = face.landmarks[17:].min(0).astype(int), face.landmarks[17:].max(0).astype(int)
    drawn = image.copy()
    drawn[low[1] : high[1], low[0] : high[0]] = drawn[low[1] : high[1], low[0] : high[0]][:, ::-1]
    box = face.box
    reaching_down = replace(face, box=replace(box, bottom=box.bottom + 0.5 * (box.bottom - box.top)))
    assert unchanged_share(image, drawn, reaching_down) < IS_UNCHANGED
    assert unchanged_share(image, drawn, replace(reaching_down, landmarks=None)) >= IS_UNCHANGED


def test_of_a_face_outside_of_the_image_nothing_is_said() -> None:
    assert np.isnan(unchanged_share(read_image(FACE), read_image(FACE), Face(Box(-50, -50, -10, -10), None, 1.0)))


def test_who_took_part_does_not_audit() -> None:
    registry = Registry()
    took = {"extractor": frozenset({"centerface", "face_recognition"}), "recognizer": frozenset({"encoding"})}
    chosen = choose_plugins(AuditOptions(), took, registry)
    assert (chosen.extractor, chosen.recognizer, chosen.judges, chosen.independent) == ("blazeface", "sface", (), True)
    both = {"recognizer": frozenset({"encoding", "sface"})}
    nobody = choose_plugins(AuditOptions(), both, registry)
    assert (nobody.recognizer, nobody.judges, nobody.independent) == ("encoding", (), False)
    assert any("encoding took part" in note for note in nobody.notes)
    named = choose_plugins(AuditOptions(extractor="centerface", recognizer="encoding"), took, registry)
    assert named.extractor == "centerface" and "centerface took part" in named.notes[0]
    unknown = choose_plugins(AuditOptions(), {}, registry)
    assert {"centerface", "blazeface", "face_recognition"} <= set(unknown.extractor.split("+"))
    assert "Nothing says" in unknown.notes[0]
    assert (unknown.recognizer, unknown.judges) == ("encoding", ("sface",))


@pytest.fixture
def people() -> np.ndarray:
    return np.repeat(np.arange(6), 40)


def faces_of(people: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(6, 128))
    return ((centers[people] + 0.3 * rng.normal(size=(len(people), 128))) / 16).astype(np.float32)


def test_unprotected_faces_are_identified_by_everybody(people: np.ndarray) -> None:
    original, output = faces_of(people, 0), faces_of(people, 0)
    for guesses in (identified(original, output, people), enrolled(output, people), trained(output, people)):
        assert guesses and guesses.right == 1 and guesses.by_chance == pytest.approx(1 / 6)
    rates = accepted(original, output, people)
    assert rates and rates.true_accepts == 1 and rates.impostor_pairs == 240 * 5


def test_one_new_face_throughout_is_known_again_but_not_who_it_is(people: np.ndarray) -> None:
    original, output = faces_of(people, 0), faces_of(people, 1)
    rates, by_name = accepted(original, output, people), enrolled(output, people)
    guesses, by_training = identified(original, output, people), trained(output, people)
    assert rates and rates.true_accepts is not None and rates.true_accepts < 0.1
    assert guesses and guesses.right < 0.4
    assert by_name and by_name.right == 1 and by_training and by_training.right == 1


def test_faces_that_are_new_each_time_are_guessed_by_chance(people: np.ndarray) -> None:
    output = np.random.default_rng(2).normal(size=(240, 128)).astype(np.float32)
    for guesses in (identified(faces_of(people, 0), output, people), enrolled(output, people), trained(output, people)):
        assert guesses and abs(guesses.right - guesses.by_chance) < 0.1


def test_the_chance_floor_is_that_of_the_faces_seen() -> None:
    people = np.array([0] * 90 + [1] * 10)
    output = np.zeros((100, 4), np.float32)  # everybody is guessed to be the same
    guesses = identified(np.eye(4, dtype=np.float32)[people], output, people)
    assert guesses and guesses.right == guesses.by_chance == pytest.approx(0.9)


def test_one_person_alone_is_not_told_from_anybody() -> None:
    faces, people = np.ones((20, 4), np.float32), np.zeros(20, np.int64)
    assert identified(faces, faces, people) is None and accepted(faces, faces, people) is None
    assert enrolled(faces, people) is None and trained(faces, people) is None


def test_of_few_pairs_no_rate_is_told(people: np.ndarray) -> None:
    few = slice(0, 80)
    rates = accepted(faces_of(people, 0)[few], faces_of(people, 0)[few], people[few])
    assert rates and (rates.impostor_pairs, rates.true_accepts) == (80, None)


def test_the_part_of_an_original_is_compared_with_what_was_made_of_it(tmp_path: Path) -> None:
    part = Part.between("0.5", "0.8")
    video = VideoSource(TWO).within(part)
    with VideoSink(tmp_path / "part.mp4", video, synthetic=None) as sink:
        for frame in video.frames():
            sink.write(frame.image, frame.pts, frame.duration)
    report = audit(TWO, tmp_path / "part.mp4", options=replace(FAST, part=part, every=4))
    assert report.frames == 3 and len(report.leaks) == 6  # both people, as they were
    with pytest.raises(MienError, match="do not show the same") as error:
        audit(TWO, tmp_path / "part.mp4", options=FAST)
    assert "--start TIME --end TIME" in error.value.fix
