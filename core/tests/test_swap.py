"""Swapping from end to end, on real faces, with a third party's model that draws what it sees, or all green."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from mien import FrameRange, Part, SessionOptions, SwapReport, swap
from mien.contracts.model import ModelInputs
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.geometry.pixel_shape import in_square_pixels, set_back
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.run import RunRecord

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
J = DATA / "clips" / "target_J_2s_audio.mp4"
STILL = DATA / "images" / "stills" / "grace_hopper.jpg"
NO_FACE = DATA / "images" / "noface" / "rocket.jpg"
BLINDING = (255, 0, 255)


@dataclass(frozen=True)
class Mirror:
    """The plugins of tests/plugins/mirror beside the installed ones, and a run of that model."""

    registry: Registry
    run: Path

    def swap(self, source: Path, output: Path, to: str | list[str] = "green", **settings: Any) -> SwapReport:
        run, progress = settings.pop("run", self.run), settings.pop("progress", None)
        options = SessionOptions(**{"blender": "paste", "threads": 2, **settings})
        return swap(run, source, output, to, options=options, progress=progress, registry=self.registry)


@pytest.fixture(scope="module")
def mirror(
    plugins_folder: Path, tmp_path_factory: pytest.TempPathFactory, write_run: Callable[..., Path]
) -> Iterator[Mirror]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        registry = Registry([*entry_points(group="mien"), EntryPoint("mirror", "mirror", "mien")])
        folder = tmp_path_factory.mktemp("mirror") / "run"
        yield Mirror(registry, write_run(folder, registry, "mirror", {}, INPUTS, extractor="blinkered"))


INPUTS = ModelInputs(("seen", "green", "nobody"), 0, 1, np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def cut(source: Path, target: Path, frames: slice, change: Callable[[Frame], np.ndarray] | None = None) -> Path:
    """A piece of a clip, its frames changed, with all its sound."""
    video = VideoSource(source)
    with VideoSink(target, video, synthetic=None, quality=5) as sink:
        for frame in video.frames(frames.start, frames.stop):
            sink.write(change(frame) if change else frame.image, frame.pts, frame.duration)
    return target


def blinded(indices: Sequence[int]) -> Callable[[Frame], np.ndarray]:
    def change(frame: Frame) -> np.ndarray:
        image = frame.image.copy()
        if frame.index in indices:
            image[:16, :16] = BLINDING
        return image

    return change


def greenness(image: np.ndarray) -> np.ndarray:
    """Which pixels are green, bool (H, W)."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    return (green > 150) & (red < 100) & (blue < 100)


def no_threads_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("mien-")]


@pytest.mark.parametrize("size", [128, 64])
def test_a_model_that_draws_what_it_sees_changes_nothing_but_sharpness(
    mirror: Mirror, tmp_path: Path, write_run: Callable[..., Path], size: int
) -> None:
    """So crop, batch and way back are each other's inverse, at the crop's own size and at another."""
    run = write_run(tmp_path / "run", mirror.registry, "mirror", {"size": size}, INPUTS, extractor="blinkered")
    mirror.swap(STILL, tmp_path / "out.png", "seen", run=run)
    before, after = read_image(STILL), read_image(tmp_path / "out.png")
    (top, left), (bottom, right) = inner_face(mirror, before)
    part = [
        cv2.GaussianBlur(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float64), None, 4)
        for image in (before, after)
    ]
    shift, response = cv2.phaseCorrelate(part[0], part[1], cv2.createHanningWindow(part[0].shape[::-1], cv2.CV_64F))
    assert np.abs(shift).max() < 0.15 and response > 0.9  # a pixel of the smaller crop is 3.5 pixels of the image
    assert np.abs(part[0] - part[1]).mean() < 2
    assert (before != after).any(-1).mean() < 0.3


def inner_face(mirror: Mirror, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and last row and column of the rectangle about eyes, nose and mouth."""
    landmarks = mirror.registry.create("extractor", "blinkered").extract(image)[0].landmarks[36:]
    return landmarks.min(0)[::-1].astype(int), landmarks.max(0)[::-1].astype(int)


def test_an_image_is_drawn_within_the_mask_labelled_and_untouched_around_it(mirror: Mirror, tmp_path: Path) -> None:
    report = mirror.swap(STILL, tmp_path / "new" / "out.png")
    before, after = read_image(STILL), read_image(tmp_path / "new" / "out.png")
    (top, left), (bottom, right) = inner_face(mirror, before)
    assert greenness(after[top:bottom, left:right]).mean() > 0.95
    assert (before == after).all(-1).mean() > 0.7
    assert (report.frames, report.faces, report.frames_no_face, report.failures) == (1, 1, 0, {})
    made = read_provenance(tmp_path / "new" / "out.png")
    assert made is not None and "green" in made.action and len(made.run) == 16


def test_a_video_keeps_its_times_and_sound_and_says_that_it_is_synthetic(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 20))
    report = mirror.swap(clip, tmp_path / "out.mp4")
    before, after = VideoSource(clip), VideoSource(tmp_path / "out.mp4")
    assert after.frame_times() == before.frame_times()
    assert all(greenness(frame.image).mean() > 0.03 for frame in after.frames())
    assert (report.frames, report.faces, report.interpolated, report.files[0].no_face) == (20, 20, 0, ())
    assert set(report.stage_seconds) == {"decode", "extract", "generate", "blend", "encode"}
    assert report.frames_per_second == pytest.approx(20 / report.seconds)
    assert read_provenance(tmp_path / "out.mp4") is not None
    sound = []
    for path in (clip, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            sound.append([bytes(packet) for packet in container.demux(audio=0)])
    assert sound[0] == sound[1] and len(sound[0]) > 50
    assert no_threads_left()


def test_a_part_of_a_video_is_swapped_and_the_report_says_which(mirror: Mirror, tmp_path: Path) -> None:
    part = Part.between("0.2", "0:00:00.600")
    report = mirror.swap(J, tmp_path / "out.mp4", part=part)
    before, after = VideoSource(J), VideoSource(tmp_path / "out.mp4")
    assert report.frames == len(after.frame_times()) == 12
    outside = np.s_[:60]
    for one, other in zip(before.frames(6, 18), after.frames(), strict=True):
        assert np.abs(one.image[outside].astype(int) - other.image[outside]).mean() < 3
        assert greenness(other.image).mean() > 0.03
    assert report.files[0].notes == ("it holds 0:00:00.200 to 0:00:00.600 of the source: frames 6–17 of 72",)
    with pytest.raises(MienError, match="is an image, which has no time"):
        mirror.swap(STILL, tmp_path / "out.png", part=part)
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(STILL, folder)
    shutil.copy(DATA / "clips" / "single_frame.mp4", folder)
    told = mirror.swap(folder, tmp_path / "out", part=part)
    assert [file.frames for file in told.files] == [1, 0]
    assert "shows no frame from 0:00:00.200 to 0:00:00.600" in told.files[1].failure


def test_the_same_swap_gives_the_same_file(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 12))
    for name, threads in (("a.mp4", 1), ("b.mp4", 3)):
        mirror.swap(clip, tmp_path / name, "seen", threads=threads, credentials=False)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_missed_face_is_bridged_and_a_long_absence_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 24), blinded([4, 5, 12, 13, 14, 15, 16, 17, 23]))
    report = mirror.swap(clip, tmp_path / "out.mp4")
    file = report.files[0]
    assert (file.interpolated, file.faces) == (2, 17)
    assert file.no_face == (FrameRange(12, 17), FrameRange(23, 23)) and file.frames_no_face == 7
    assert [str(part) for part in file.no_face] == ["12–17", "23"]
    assert file.partial == ()  # there, nothing at all was drawn
    drawn = [greenness(frame.image).mean() > 0.03 for frame in VideoSource(tmp_path / "out.mp4").frames()]
    assert [index for index, is_drawn in enumerate(drawn) if not is_drawn] == [12, 13, 14, 15, 16, 17, 23]


def test_a_second_face_that_is_lost_is_reported_beside_the_one_that_was_drawn(mirror: Mirror, tmp_path: Path) -> None:
    def one_covered(frame: Frame) -> np.ndarray:
        image = frame.image.copy()
        if 6 <= frame.index < 16:
            image[:, : frame.image.shape[1] // 2] = 128  # the left one of the two
        return image

    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 20), one_covered)
    report = mirror.swap(clip, tmp_path / "out.mp4")
    file = report.files[0]
    assert (file.faces, file.interpolated, file.no_face) == (30, 0, ())
    assert file.partial == (FrameRange(6, 15),)
    assert report.frames_partial == file.frames_partial == 10

    person = tmp_path / "J.png"  # the other one: whoever is not to be drawn is not missed
    write_image(person, next(VideoSource(J).frames(40)).image, synthetic=None)
    alone = mirror.swap(clip, tmp_path / "alone.mp4", person=person).files[0]
    assert (alone.faces, alone.frames_no_face, alone.partial) == (20, 0, ())


def test_faces_are_searched_as_asked_for_instead_of_as_the_run_did(mirror: Mirror, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 3), blinded(range(3)))
    assert mirror.swap(clip, tmp_path / "own.mp4").faces == 0
    assert mirror.swap(clip, tmp_path / "asked.mp4", extractor="face_recognition:search=full").faces == 3


def test_only_the_person_asked_for_is_drawn(mirror: Mirror, tmp_path: Path) -> None:
    person = tmp_path / "J.png"
    write_image(person, next(VideoSource(J).frames(40)).image, synthetic=None)
    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 9), blinded([4]))
    report = mirror.swap(clip, tmp_path / "out.mp4", person=person)
    assert report.faces == 9 and report.interpolated == 1
    recognizer = Recognizer(mirror.registry)
    assert report.recognizer == recognizer.record
    extractor = mirror.registry.create("extractor", "blinkered")
    reference = recognizer.reference(person, extractor)
    for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "out.mp4").frames(), strict=True):
        green = greenness(after.image)
        for face in extractor.extract(before.image):
            encoding = recognizer.encode([align(before.image, face.landmarks)])
            is_person = recognizer.distances(encoding, reference)[0] < recognizer.same_person_below
            x, y = face.landmarks[30].round().astype(int)
            assert green[y, x] == is_person
    still = tmp_path / "still.png"
    write_image(still, next(VideoSource(clip).frames()).image, synthetic=None)
    assert mirror.swap(still, tmp_path / "still out.png", person=person).faces == 1


@pytest.fixture
def faces_of_two(tmp_path: Path) -> list[Path]:
    """Images of the two people of the clip that shows both: of the left one, and of the right one."""
    clips = [DATA / "clips" / "target_E_4s_silent.mp4", J]
    for name, clip in zip("EJ", clips, strict=True):
        write_image(tmp_path / f"{name}.png", next(VideoSource(clip).frames(40)).image, synthetic=None)
    return [tmp_path / "E.png", tmp_path / "J.png"]


@pytest.mark.parametrize("turned", [False, True])
def test_several_people_become_several_others_in_one_pass(
    mirror: Mirror, tmp_path: Path, faces_of_two: list[Path], turned: bool
) -> None:
    clip = cut(DATA / "clips" / "two_people_2s_audio.mp4", tmp_path / "two.mp4", slice(0, 9), blinded([4]))
    people = faces_of_two[::-1] if turned else faces_of_two
    report = mirror.swap(clip, tmp_path / "out.mp4", ["green", "seen"], person=people)
    assert (report.faces, report.files[0].notes) == (18, ())
    recognizer, extractor = Recognizer(mirror.registry), mirror.registry.create("extractor", "blinkered")
    becomes_green = recognizer.reference(people[0], extractor)
    for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "out.mp4").frames(), strict=True):
        for face in extractor.extract(before.image):
            encoding = recognizer.encode([align(before.image, face.landmarks)])
            is_first = recognizer.distances(encoding, becomes_green)[0] < recognizer.same_person_below
            x, y = face.landmarks[30].round().astype(int)
            assert greenness(after.image)[y, x] == is_first
    made = read_provenance(tmp_path / "out.mp4")
    assert made is not None and made.action == "faces drawn as green and seen"


def test_of_several_people_whoever_is_not_there_is_named(
    mirror: Mirror, tmp_path: Path, faces_of_two: list[Path]
) -> None:
    report = mirror.swap(faces_of_two[1], tmp_path / "out.png", ["seen", "green"], person=faces_of_two)
    assert report.files[0].notes == (f"whom {faces_of_two[0]} shows was not found in it",)
    clip = cut(J, tmp_path / "clip.mp4", slice(0, 3))
    report = mirror.swap(clip, tmp_path / "out.mp4", ["seen", "green"], person=faces_of_two)
    assert report.files[0].notes == (f"whom {faces_of_two[0]} shows was not found in it",)
    assert all(greenness(frame.image).mean() > 0.03 for frame in VideoSource(tmp_path / "out.mp4").frames())


def test_each_person_needs_somebody_to_be_drawn_as(mirror: Mirror, tmp_path: Path, faces_of_two: list[Path]) -> None:
    for people, to in ((faces_of_two, "green"), (faces_of_two[:1], ["green", "seen"]), ([], ["green", "seen"])):
        with pytest.raises(MienError, match=rf"^{len(people)} of --person, but \d of --to") as error:
            mirror.swap(STILL, tmp_path / "out.png", to, person=people)
        assert error.value.fix == "--to NAME --person IMAGE, once for each person"
    with pytest.raises(MienError, match="show the same person"):
        mirror.swap(STILL, tmp_path / "out.png", ["green", "seen"], person=[faces_of_two[0], faces_of_two[0]])
    assert not (tmp_path / "out.png").exists()


def test_nobody_of_that_kind_in_an_image_is_told_and_nothing_is_written(mirror: Mirror, tmp_path: Path) -> None:
    person = tmp_path / "J.png"
    write_image(person, next(VideoSource(J).frames()).image, synthetic=None)
    with pytest.raises(MienError, match="not found"):
        mirror.swap(STILL, tmp_path / "out.png", person=person)
    with pytest.raises(MienError, match="No face was found"):
        mirror.swap(NO_FACE, tmp_path / "out.png")
    with pytest.raises(MienError, match="No face was found"):
        mirror.swap(STILL, tmp_path / "out.png", person=NO_FACE)


def test_the_run_says_who_tells_people_apart_unless_another_is_named(mirror: Mirror, tmp_path: Path) -> None:
    person = DATA / "images" / "formats" / "rgb.png"
    assert mirror.swap(person, tmp_path / "every.png").recognizer is None, "every face is drawn: nobody is told apart"
    run = Path(shutil.copytree(mirror.run, tmp_path / "run"))
    record = RunRecord.read(run)
    record.recognizer = RecognizerRecord(choice="vanished", distribution="mien-feature-vanished", version="1.0")
    record.write(run)
    with pytest.raises(MienError, match="No feature named 'vanished'"):
        mirror.swap(person, tmp_path / "run's.png", run=run, person=person)
    named = mirror.swap(person, tmp_path / "named.png", run=run, person=person, recognizer="encoding")
    assert named.recognizer == Recognizer(mirror.registry, "encoding").record
    with pytest.raises(MienError, match="No person was named") as caught:
        mirror.swap(person, tmp_path / "vain.png", recognizer="encoding")
    assert "--person IMAGE --recognizer encoding" in caught.value.fix
    assert {path.name for path in tmp_path.iterdir()} == {"every.png", "named.png", "run"}


def test_where_nothing_was_drawn_in_square_pixels_nothing_changes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    for shape in (2.0, 64 / 27, 10 / 11):
        view = in_square_pixels(image, shape)
        assert (set_back(image, view, view.copy()) == image).all()
        drawn = view.copy()
        drawn[: view.shape[0] // 2] = 7
        back = set_back(image, view, drawn)
        assert (back[:14] == 7).all() and (back[16:] == image[16:]).all()


def test_a_folder_is_mirrored_and_one_bad_file_ends_nothing(mirror: Mirror, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "deep" / "er").mkdir(parents=True)
    shutil.copyfile(STILL, album / "deep" / "er" / "a.jpg")
    shutil.copyfile(NO_FACE, album / "rocket.jpg")
    shutil.copyfile(DATA / "images" / "formats" / "truncated.jpg", album / "bad.jpg")
    shutil.copyfile(DATA / "clips" / "truncated_faststart.mp4", album / "bad.mp4")
    shutil.copyfile(DATA / "clips" / "single_frame.mp4", album / "clip.mp4")
    Image.open(STILL).convert("P").save(album / "old.gif")
    (album / "notes.txt").write_text("not for swapping")
    (album / "shot.cr2").write_bytes(b"II*\0")
    report = mirror.swap(album, tmp_path / "out")
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["clip.mp4", "deep/er/a.jpg", "old.gif.png", "rocket.jpg"]
    assert {path.name for path in report.failures} == {"bad.jpg", "bad.mp4", "shot.cr2"}
    assert "cut off" in report.failures[album / "bad.mp4"] and "truncated" in report.failures[album / "bad.jpg"]
    assert (report.frames, report.faces, report.frames_no_face) == (4, 3, 1)
    assert (tmp_path / "out" / "rocket.jpg").read_bytes() == NO_FACE.read_bytes()
    for name in ("clip.mp4", "deep/er/a.jpg", "old.gif.png"):
        assert read_provenance(tmp_path / "out" / name) is not None
    with pytest.raises(MienError, match="would be overwritten"):
        mirror.swap(album, tmp_path / "out")


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_files_that_would_become_one_are_refused(mirror: Mirror, tmp_path: Path, overwrite: bool) -> None:
    album = tmp_path / "album"
    album.mkdir()
    Image.open(STILL).convert("P").save(album / "a.gif")
    write_image(album / "a.gif.png", read_image(STILL), synthetic=None)
    with pytest.raises(MienError, match=r"album/a\.gif and .*album/a\.gif\.png would both become .*out/a\.gif\.png"):
        mirror.swap(album, tmp_path / "out", overwrite=overwrite)
    assert list(tmp_path.iterdir()) == [album]


def test_one_file_never_ends_a_folder(mirror: Mirror, tmp_path: Path) -> None:
    """Names as long as they may be or of bytes that are no text, and files that fail in every way."""
    album, out = tmp_path / "album", tmp_path / "out"
    album.mkdir()
    names = ["n" * 251 + ".jpg", "ж" * 125 + ".png", "12:30.jpg", os.fsdecode(b"caf\xe9.jpg"), "b" * 251 + ".gif"]
    for name in names:
        Image.open(STILL).save(album / name)
    shutil.copyfile(DATA / "clips" / "single_frame.mp4", album / ("v" * 251 + ".avi"))
    (album / "cut.jpg").write_bytes(STILL.read_bytes()[:900])
    (album / "cut.mkv").write_bytes(b"\x1a\x45\xdf\xa3 and no more")
    (album / "notes.txt").write_text("text")
    report = mirror.swap(album, out)
    assert {path.name for path in report.failures} == {"cut.jpg", "cut.mkv"}
    # Five images, the video and, beside it, its credentials.
    assert len(list(out.iterdir())) == 7 and not [path for path in out.iterdir() if path.name.startswith(".")]
    assert {names[0], names[1], names[2], names[3]} < {path.name for path in out.iterdir()}
    assert report.passed_over == (album / "notes.txt",)


def test_a_plugin_that_fails_on_an_image_fails_there_alone(mirror: Mirror, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(3):
        shutil.copyfile(STILL, album / f"{number}.jpg")
    report = mirror.swap(album, tmp_path / "out", blender="paste:breaks=yes")
    assert len(report.failures) == 3 and all("out of paste" in why for why in report.failures.values())
    assert list((tmp_path / "out").iterdir()) == [] and no_threads_left()


def test_a_face_painted_on_a_badge_is_left_alone(mirror: Mirror, tmp_path: Path) -> None:
    badge = DATA / "images" / "doubtful" / "false_face_on_badge.jpg"
    report = mirror.swap(badge, tmp_path / "out.png", extractor="face_recognition")
    assert report.faces == 1


def test_faces_are_found_where_pixels_are_not_square(mirror: Mirror, tmp_path: Path) -> None:
    frames = list(VideoSource(J).frames(0, 8))
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        height, width = frames[0].image.shape[:2]
        stream.width, stream.height, stream.pix_fmt = width // 2, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for frame in frames:
            narrow = cv2.resize(frame.image, (width // 2, height), interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(narrow)))
        container.mux(stream.encode())
    assert VideoSource(tmp_path / "wide.mp4").pixel_shape == 2
    report = mirror.swap(tmp_path / "wide.mp4", tmp_path / "out.mp4", extractor="face_recognition")
    assert (report.faces, report.interpolated) == (8, 0)
    again = VideoSource(tmp_path / "out.mp4")
    assert again.pixel_shape == 2
    mirror.swap(J, tmp_path / "square.mp4", extractor="face_recognition")
    square = greenness(next(VideoSource(tmp_path / "square.mp4").frames()).image)
    shown = in_square_pixels(next(again.frames()).image, 2)
    green = greenness(shown)
    assert (green & square).sum() / (green | square).sum() > 0.9  # as wide and as high as in square pixels
    before = next(VideoSource(tmp_path / "wide.mp4").frames()).image.astype(int)
    around = ~cv2.dilate(greenness(next(again.frames()).image).astype(np.uint8), np.ones((31, 31))).astype(bool)
    assert np.abs(next(again.frames()).image - before)[around].mean() < 2


REFUSED = {
    "onto itself": ("still.jpg", "still.jpg", "place of the input"),
    "onto what is there": ("still.jpg", "there.png", "would be overwritten"),
    "into its own folder": ("album", "album/out", "inside of the input"),
    "a file to a folder": ("still.jpg", "album", "is a folder"),
    "a folder to a file": ("album", "there.png", "is a file"),
    "nothing": ("nowhere.jpg", "out.jpg", "no file or folder"),
    "a text": ("notes.txt", "out.jpg", "neither an image nor a video"),
    "an empty folder": ("empty", "out", "no image and no video"),
    "a video to an image": ("clip.mp4", "out.png", "not written as .png"),
    "an image to a video": ("still.jpg", "out.mp4", "not written as .mp4"),
    "to a format without a place for the mark": ("still.jpg", "out.bmp", "synthetic"),
    "a damaged video": ("cut.mp4", "out.mp4", "cut off"),
    "a damaged image": ("cut.jpg", "out.jpg", "truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_lose_something_or_cannot_be_is_refused(mirror: Mirror, tmp_path: Path, case: str) -> None:
    for name, origin in (
        ("still.jpg", STILL),
        ("there.png", STILL),
        ("album/a.jpg", STILL),
        ("clip.mp4", DATA / "clips" / "single_frame.mp4"),
        ("cut.mp4", DATA / "clips" / "truncated_faststart.mp4"),
        ("cut.jpg", DATA / "images" / "formats" / "truncated.jpg"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(origin, tmp_path / name)
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    source, output, reason = REFUSED[case]
    with pytest.raises(MienError, match=reason):
        mirror.swap(tmp_path / source, tmp_path / output, overwrite=case == "onto itself")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"to": "X"}, "knows no 'X'.*seen, green"),
        ({"blender": "glue"}, "No blender named 'glue'"),
        ({"blender": "paste:breaks=yes"}, "'paste:breaks=yes' of .* failed: ArithmeticError: out of paste"),
        ({"extractor": "eagle"}, "No extractor named 'eagle'"),
        ({"to": "nobody"}, "'mirror' .* not finite"),
        ({"device": "toaster"}, "no device 'toaster'"),
        ({"quality": 99}, "Quality 99"),
        ({"run": Path("no/such/run")}, "is not a run"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_error_ends_the_run_and_leaves_nothing(
    mirror: Mirror, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(MienError, match=reason):
        mirror.swap(J, tmp_path / "out.mp4", **options)
    assert list(tmp_path.iterdir()) == [] and no_threads_left()


def test_overwriting_takes_the_place_of_the_old_file(mirror: Mirror, tmp_path: Path) -> None:
    shutil.copyfile(NO_FACE, tmp_path / "out.png")
    mirror.swap(STILL, tmp_path / "out.png", overwrite=True)
    assert greenness(read_image(tmp_path / "out.png")).mean() > 0.01


class Interrupting:
    """A Progress that behaves like a user who presses Ctrl-C after some frames."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.total: int | None = None

    def start(self, what: str, total: int | None) -> None:
        self.total = total

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt

    def say(self, message: str) -> None:
        pass


def test_ctrl_c_ends_everything_at_once_and_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    progress = Interrupting(after=5)
    with pytest.raises(KeyboardInterrupt):
        mirror.swap(J, tmp_path / "out.mp4", progress=progress)
    assert progress.total == 72
    assert list(tmp_path.iterdir()) == [] and no_threads_left()
