"""Anonymizing from end to end, on real faces, with a model that draws each synthetic person in a color of their own."""

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien import (
    AnonymizeOptions,
    AnonymizeReport,
    Extractor,
    FrameRange,
    MienError,
    Part,
    Registry,
    Session,
    SessionOptions,
    TrainOptions,
    anonymize,
    swap,
    train,
)
from mien.anonymization.redaction import hidden
from mien.contracts.face import Face, RgbImage
from mien.geometry.alignment import align
from mien.inference.target import synthetic_id
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.tracking.recognizer import Recognizer

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIPS = DATA / "clips"
E, J, TWO = CLIPS / "target_E_4s_silent.mp4", CLIPS / "target_J_2s_audio.mp4", CLIPS / "two_people_2s_audio.mp4"
FACE_THEN_NONE = CLIPS / "face_then_noface_6s.mp4"
STILL = DATA / "images" / "stills" / "grace_hopper.jpg"
NO_FACE = DATA / "images" / "noface" / "rocket.jpg"
ALL_FACES = "face_recognition:search=full,upsample=0"


@dataclass(frozen=True)
class House:
    """The plugins of tests/plugins/colors beside the installed ones, and runs of those models."""

    registry: Registry
    runs: Path
    eyes: Extractor

    def anonymize(self, source: Path, output: Path, model: str = "colors", **options: Any) -> AnonymizeReport:
        chosen = {"blender": "paste", "extractor": "blinkered", "check": False, "registry": self.registry, **options}
        of_options = {one.name for one in fields(AnonymizeOptions)}
        of_session = ({one.name for one in fields(SessionOptions)} - of_options) & chosen.keys()
        of_call = {"registry", "progress", "seed"} & chosen.keys()
        return anonymize(
            source,
            output,
            method=self.runs / model,
            options=AnonymizeOptions(**{name: chosen[name] for name in chosen.keys() - of_session - of_call}),
            session=SessionOptions(**{name: chosen[name] for name in of_session}),
            **{name: chosen[name] for name in of_call},
        )

    def faces(self, image: RgbImage) -> list[Face]:
        """The faces of an image, from left to right."""
        return sorted(self.eyes.extract(image), key=lambda face: float(face.landmarks[:, 0].mean()))


@pytest.fixture(scope="module")
def house(plugins_folder: Path, people: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugins_folder))
        # A face in another color is still who it was: nobody whom that model draws would be far enough.
        patch.setattr("mien.anonymization.casting.CANDIDATES", 1)
        registry = Registry([*entry_points(group="mien"), EntryPoint("colors", "colors", "mien")])
        for model in ("colors", "reflection", "known"):
            train(model, people, folder / model, options=TrainOptions(steps=1), registry=registry)
        eyes = registry.create("extractor", ALL_FACES)
        assert isinstance(eyes, Extractor)
        yield House(registry, folder, eyes)


def cut(source: Path, target: Path, frames: slice, change: Callable[[Frame], RgbImage] | None = None) -> Path:
    """A piece of a clip, its frames changed, with all its sound."""
    video = VideoSource(source)
    with VideoSink(target, video, synthetic=None, quality=5) as sink:
        for frame in video.frames(frames.start, frames.stop):
            sink.write(change(frame) if change else frame.image, frame.pts, frame.duration)
    return target


def blinded(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            image[:16, :16] = (255, 0, 255)
        return image

    return change


def left_covered(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            half = image.shape[1] // 2
            image[:, :half] = np.where(np.arange(half) // 4 % 2, 90, 170)[None, :, None]  # stripes
        return image

    return change


def hues(house: House, before: Path, after: Path) -> list[list[float]]:
    """Of each frame, from left to right: the hue, in degrees, that each face's nose has now."""
    found: list[list[float]] = []
    for old, new in zip(VideoSource(before).frames(), VideoSource(after).frames(), strict=True):
        noses = (face.landmarks[30].round().astype(int) for face in house.faces(old.image))
        found.append([hue_at(new.image, x, y) for x, y in noses])
    return found


def hue_at(image: RgbImage, x: int, y: int) -> float:
    """The hue of a place, in degrees; not a number if it has none."""
    color = image[y - 2 : y + 3, x - 2 : x + 3].reshape(1, -1, 3).mean(1, keepdims=True)
    hue, saturation, _ = cv2.cvtColor(color.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0, 0]
    return float(hue) if saturation > 0.8 else float("nan")


def apart(one: float, other: float) -> float:
    """How far two hues are apart, in degrees."""
    return abs((one - other + 180) % 360 - 180)


def hue_of(file: str, person: int, seed: int = 0) -> float:
    """The hue as which the model draws the synthetic person that a person of a file becomes."""
    return synthetic_id(seed, file, person) % 360


def is_hidden(image: RgbImage) -> bool:
    """Whether an image consists of a few blocks, each of one color."""
    small = cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA).astype(int)
    flat = np.abs(np.diff(small, axis=1)).max(-1) < 12
    return bool(flat.mean() > 0.8 and np.abs(image.astype(int) - hidden(image)).mean() < 4)


def without_encoding() -> Registry:
    """As if nothing were installed that tells people apart."""
    points = [point for point in entry_points(group="mien") if point.name != "encoding"]
    return Registry([*points, EntryPoint("colors", "colors", "mien")])


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_everybody_in_a_video_is_one_synthetic_person_in_all_frames(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "pair.mp4", slice(0, 12))
    report = house.anonymize(clip, tmp_path / "out.mp4")
    drawn = hues(house, clip, tmp_path / "out.mp4")
    assert [len(of_frame) for of_frame in drawn] == [2] * 12
    synthetic = [hue_of("pair.mp4", 0), hue_of("pair.mp4", 1)]
    assert apart(*synthetic) > 20
    first = sorted(synthetic, key=lambda hue: apart(hue, drawn[0][0]))
    assert all(apart(hue, expected) < 5 for of_frame in drawn for hue, expected in zip(of_frame, first, strict=True))
    assert (report.people, report.faces, report.frames_hidden, report.frames_hidden_in_part) == (2, 24, 0, 0)


def test_a_part_of_a_video_is_anonymized_and_compared(house: House, tmp_path: Path) -> None:
    part = Part.between("0:01", "1.3")
    report = house.anonymize(J, tmp_path / "out.mp4", "reflection", part=part, check=True, max_verified=1.0)
    (file,) = report.files
    assert file.failure == ""
    assert (file.frames, len(VideoSource(tmp_path / "out.mp4").frame_times())) == (9, 9)
    assert "it holds 0:00:01.000 to 0:00:01.300 of the source: frames 30–38 of 72" in file.notes
    assert file.check is not None and file.check.faces > 0


@pytest.mark.parametrize("told_by", ["encodings", "places"])
def test_who_is_lost_and_comes_back_is_the_same_synthetic_person(house: House, tmp_path: Path, told_by: str) -> None:
    registry = house.registry if told_by == "encodings" else without_encoding()
    clip = cut(E, tmp_path / "E.mp4", slice(0, 20), blinded(range(5, 15)))
    report = house.anonymize(clip, tmp_path / "out.mp4", registry=registry)
    drawn = [hue for (hue,) in hues(house, clip, tmp_path / "out.mp4")]
    for index in (*range(5), *range(15, 20)):
        assert apart(drawn[index], hue_of("E.mp4", 0)) < 5
    assert (report.people, report.faces) == (1, 10)
    assert report.files[0].hidden == (FrameRange(5, 14),)


def test_after_a_cut_everybody_is_who_they_were_and_nothing_is_hidden(house: House, tmp_path: Path) -> None:
    """Both faces are at one place, so that only their encodings tell that it is not one person."""
    faces = {name: [frame.image for frame in VideoSource(path).frames(0, 8)] for name, path in (("E", E), ("J", J))}
    faces["J"] = [cv2.resize(image[:, 80:560], (400, 300)) for image in faces["J"]]
    shots = [*faces["E"], *faces["J"], *faces["E"]]
    clip = cut(E, tmp_path / "shots.mp4", slice(0, 24), lambda frame: shots[frame.index])
    report = house.anonymize(clip, tmp_path / "out.mp4")
    drawn = [hue for (hue,) in hues(house, clip, tmp_path / "out.mp4")]
    of_E, of_J = hue_of("shots.mp4", 0), hue_of("shots.mp4", 1)
    assert apart(of_E, of_J) > 20
    assert all(
        apart(hue, expected) < 5 for hue, expected in zip(drawn, [of_E] * 8 + [of_J] * 8 + [of_E] * 8, strict=True)
    )
    assert (report.people, report.frames_hidden, report.frames_hidden_in_part) == (2, 0, 0)


def test_a_seed_repeats_itself_and_another_one_gives_other_people(house: House, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "J.mp4", slice(0, 10))
    for name, options in (("a.mp4", {"threads": 1}), ("b.mp4", {"threads": 3}), ("c.mp4", {"seed": 1})):
        report = house.anonymize(clip, tmp_path / name, credentials=False, **options)
        assert report.seed == options.get("seed", 0)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    other = hue_of("J.mp4", 0, seed=1)
    assert apart(other, hue_of("J.mp4", 0)) > 20
    assert all(apart(hue, other) < 5 for (hue,) in hues(house, clip, tmp_path / "c.mp4"))


@settings(max_examples=200)
@given(seed=st.integers(0, 2**70), file=st.text(min_size=1, max_size=20), person=st.integers(0, 10**6))
def test_synthetic_people_have_numbers_that_a_batch_can_hold_and_nobody_shares(
    seed: int, file: str, person: int
) -> None:
    number = synthetic_id(seed, file, person)
    assert 0 <= number < 2**63 and number == synthetic_id(seed, file, person)
    others = [(seed + 1, file, person), (seed, file + "0", person), (seed, file, person + 1), (person, file, seed)]
    for other_seed, other_file, other_person in others:
        if (other_seed, other_file, other_person) != (seed, file, person):
            assert synthetic_id(other_seed, other_file, other_person) != number


def test_where_one_of_two_faces_is_lost_nobody_is_shown(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 20), left_covered(range(6, 16)))
    file = house.anonymize(clip, tmp_path / "out.mp4").files[0]
    assert file.partial == file.hidden == (FrameRange(6, 15),) and file.no_face == () == file.partial_unchanged
    assert (file.faces, file.frames_hidden) == (20, 10)
    shown = [not is_hidden(frame.image) for frame in VideoSource(tmp_path / "out.mp4").frames()]
    assert [index for index, is_shown in enumerate(shown) if not is_shown] == list(range(6, 16))

    kept = house.anonymize(clip, tmp_path / "kept.mp4", missing="keep").files[0]
    assert (kept.hidden, kept.hidden_in_part, kept.partial_unchanged) == ((), (), (FrameRange(6, 15),))
    assert not any(is_hidden(frame.image) for frame in VideoSource(tmp_path / "kept.mp4").frames())


def test_frames_without_a_face_are_hidden(house: House, tmp_path: Path) -> None:
    clip = cut(FACE_THEN_NONE, tmp_path / "clip.mp4", slice(60, 84))
    report = house.anonymize(clip, tmp_path / "out.mp4", extractor=ALL_FACES)
    file = report.files[0]
    assert file.no_face == file.hidden and report.frames_hidden == file.frames_no_face == 24 - file.faces > 8
    for index, frame in enumerate(VideoSource(tmp_path / "out.mp4").frames()):
        assert is_hidden(frame.image) == any(part.first <= index <= part.last for part in file.hidden)

    kept = house.anonymize(clip, tmp_path / "kept.mp4", extractor=ALL_FACES, missing="keep").files[0]
    assert kept.unchanged == file.no_face and kept.hidden == ()


def test_where_a_face_was_seen_last_its_surroundings_are_hidden_for_a_while(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 20), left_covered(range(6, 20)))
    file = house.anonymize(clip, tmp_path / "out.mp4", margin_seconds=0.21).files[0]  # 6 frames of 1/30 s
    assert (file.hidden, file.hidden_in_part) == ((), (FrameRange(6, 11),))
    place = house.faces(next(VideoSource(clip).frames()).image)[0].landmarks
    (left, top), (right, bottom) = place.min(0).astype(int), place.max(0).astype(int)
    size = bottom - top
    for frame in VideoSource(tmp_path / "out.mp4").frames(6):
        image = frame.image.astype(int)
        around = image[top - size // 2 : bottom + size // 2, left - size // 2 : right + size // 2]
        assert (np.abs(np.diff(around, axis=1)).max() < 10) == (frame.index < 12), frame.index
        assert np.ptp(image[-10:, :200], axis=1).min() > 60  # further away it is as it was


def test_what_is_refused_is_not_written(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 20), left_covered(range(6, 16)))
    with pytest.raises(MienError, match=r"a face seen before and after was not found in frames 6–15; nothing was"):
        house.anonymize(clip, tmp_path / "out.mp4", missing="refuse")
    with pytest.raises(MienError, match=r"rocket.jpg: no face was found; nothing was written"):
        house.anonymize(NO_FACE, tmp_path / "out.png", missing="refuse")
    assert files_in(tmp_path) == ["two.mp4"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mien-")]

    whole = cut(TWO, tmp_path / "whole.mp4", slice(0, 8))
    assert house.anonymize(whole, tmp_path / "out.mp4", missing="refuse").faces == 16


def test_the_images_of_a_folder_are_drawn_or_hidden_and_one_bad_file_ends_nothing(house: House, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "deep").mkdir(parents=True)
    shutil.copyfile(STILL, album / "deep" / "a.jpg")
    shutil.copyfile(STILL, album / "b.jpg")
    shutil.copyfile(NO_FACE, album / "rocket.jpg")
    shutil.copyfile(DATA / "images" / "formats" / "truncated.jpg", album / "bad.jpg")
    shutil.copyfile(CLIPS / "truncated_faststart.mp4", album / "bad.mp4")
    cut(J, album / "clip.mp4", slice(0, 3))
    report = house.anonymize(album, tmp_path / "out")
    assert files_in(tmp_path / "out") == ["b.jpg", "clip.mp4", "deep/a.jpg", "rocket.jpg"]
    assert {path.name for path in report.failures} == {"bad.jpg", "bad.mp4"}
    assert (report.people, report.faces, report.frames_hidden) == (3, 5, 1)
    (landmarks,) = [face.landmarks for face in house.faces(read_image(STILL))]
    x, y = landmarks[30].round().astype(int)
    for name in ("b.jpg", "deep/a.jpg"):
        # One person in two files: as whom they were drawn in the first of them.
        assert apart(hue_at(read_image(tmp_path / "out" / name), x, y), hue_of("b.jpg", 0)) < 5
    assert apart(hue_of("b.jpg", 0), hue_of("deep/a.jpg", 0)) > 10
    assert is_hidden(read_image(tmp_path / "out" / "rocket.jpg"))

    refused = house.anonymize(album, tmp_path / "strict", missing="refuse")
    assert {path.name for path in refused.failures} == {"bad.jpg", "bad.mp4", "rocket.jpg"}


def test_in_an_image_every_face_is_another_synthetic_person(house: House, tmp_path: Path) -> None:
    """The same person twice: nobody follows them from one image to the next, and so not within one."""
    frame = next(VideoSource(E).frames()).image
    write_image(tmp_path / "twice.png", np.hstack([frame, frame]), synthetic=None)
    report = house.anonymize(tmp_path / "twice.png", tmp_path / "out.png")
    after = read_image(tmp_path / "out.png")
    noses = [face.landmarks[30].round().astype(int) for face in house.faces(np.hstack([frame, frame]))]
    drawn = [hue_at(after, x, y) for x, y in noses]
    expected = [hue_of("twice.png", 0), hue_of("twice.png", 1)]
    assert apart(*expected) > 10 and report.people == 2
    assert min(max(apart(*pair) for pair in zip(drawn, order, strict=True)) for order in (expected, expected[::-1])) < 5


def test_neither_the_place_nor_the_title_is_carried_over(house: House, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Anna at home"  # ImageDescription
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 0.0)  # GPSLatitude
    for name, image in (("face.jpg", STILL), ("none.jpg", NO_FACE)):
        Image.open(image).convert("RGB").save(tmp_path / name, exif=exif)
        assert b"Anna" in (tmp_path / name).read_bytes()
        house.anonymize(tmp_path / name, tmp_path / f"out_{name}", missing="keep")
        assert b"Anna" not in (tmp_path / f"out_{name}").read_bytes()
        assert len(Image.open(tmp_path / f"out_{name}").getexif().get_ifd(0x8825)) == 0

    titled = tmp_path / "titled.mp4"
    with av.open(str(J)) as source, av.open(str(titled), "w") as target:
        target.metadata["title"] = "Anna at home"
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None and (packet.pts or 0) * packet.time_base < 0.2:
                packet.stream = copies[packet.stream_index]
                target.mux(packet)
    assert VideoSource(titled).metadata["title"] == "Anna at home"
    house.anonymize(titled, tmp_path / "out.mp4")
    assert b"Anna" not in (tmp_path / "out.mp4").read_bytes()


def test_the_sound_is_kept_bit_for_bit_or_left_out_and_the_label_says_what_was_done(
    house: House, tmp_path: Path
) -> None:
    def sound_of(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return (
                [bytes(packet) for packet in container.demux(container.streams.audio)]
                if container.streams.audio
                else []
            )

    clip = cut(J, tmp_path / "J.mp4", slice(0, 6))
    kept = house.anonymize(clip, tmp_path / "kept.mp4", seed=7).files[0]
    silent = house.anonymize(clip, tmp_path / "silent.mp4", seed=7, sound=False).files[0]
    assert kept.sound and sound_of(tmp_path / "kept.mp4") == sound_of(clip) and len(sound_of(clip)) > 50
    assert not silent.sound and sound_of(tmp_path / "silent.mp4") == []
    for path in (tmp_path / "kept.mp4", tmp_path / "silent.mp4"):
        made = read_provenance(path)
        assert made is not None and made.action == "faces drawn as people who do not exist, seed 7"
        assert VideoSource(path).frame_times() == VideoSource(clip).frame_times()


def test_a_face_that_a_second_extractor_finds_is_drawn_and_one_that_both_find_once(
    house: House, tmp_path: Path
) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 4))
    assert house.anonymize(clip, tmp_path / "half.mp4", extractor="half").faces == 4
    both = house.anonymize(clip, tmp_path / "both.mp4", extractor="half+blinkered")
    assert (both.faces, both.people) == (8, 2)


def test_a_face_without_landmarks_is_hidden_in_every_frame_or_measured_by_another_extractor(
    house: House, tmp_path: Path
) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 6))
    file = house.anonymize(
        clip, tmp_path / "hidden.mp4", extractor="half_boxes", missing="keep", search="thorough"
    ).files[0]
    assert (file.faces, file.undrawn, file.hidden, file.hidden_in_part) == (6, 6, (), (FrameRange(0, 5),))
    eyes, recognizer = house.eyes, Recognizer(house.registry)
    for before, after in zip(VideoSource(clip).frames(), VideoSource(tmp_path / "hidden.mp4").frames(), strict=True):
        _, right = house.faces(before.image)
        known, now = (recognizer.encode([align(frame.image, right.landmarks)])[0] for frame in (before, after))
        assert recognizer.distances(now[None], known)[0] > recognizer.same_person_below
        assert not any(face.box.left > before.image.shape[1] / 2 for face in eyes.extract(after.image))

    drawn = house.anonymize(clip, tmp_path / "drawn.mp4", extractor="boxes+face_recognition")
    assert (drawn.faces, drawn.undrawn, drawn.frames_hidden_in_part, drawn.people) == (12, 0, 0, 2)


def test_in_an_image_a_face_without_landmarks_is_hidden(house: House, tmp_path: Path) -> None:
    report = house.anonymize(STILL, tmp_path / "out.png", extractor="boxes")
    assert (report.faces, report.undrawn, report.frames_hidden, report.frames_hidden_in_part) == (0, 1, 0, 1)
    before, after = read_image(STILL), read_image(tmp_path / "out.png")
    session = Session.open(house.runs / "colors", options=SessionOptions(extractor="boxes"), registry=house.registry)
    assert (session.anonymize(before) == after).all(), "in memory it is hidden as well"
    assert house.eyes.extract(after) == [] and (before[:40, :40] == after[:40, :40]).all()
    assert read_provenance(tmp_path / "out.png") is not None


def test_swapping_leaves_a_face_without_landmarks_and_counts_it(house: House, tmp_path: Path) -> None:
    clip = cut(TWO, tmp_path / "two.mp4", slice(0, 3))
    run, half, boxes = (
        house.runs / "known",
        *(SessionOptions(blender="paste", extractor=e) for e in ("half_boxes", "boxes")),
    )
    report = swap(run, clip, tmp_path / "out.mp4", "E", options=half, registry=house.registry)
    assert (report.faces, report.undrawn, report.frames_no_face, report.frames_partial) == (3, 3, 0, 0)
    with pytest.raises(MienError, match=r"boxes finds 1 faces in .*hopper.jpg, but not the landmarks") as refused:
        swap(run, STILL, tmp_path / "out.png", "E", options=boxes, registry=house.registry)
    assert "--extractor boxes+NAME" in refused.value.fix


def test_a_face_that_is_still_known_is_put_aside(house: House, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "J.mp4", slice(0, 6))
    report = house.anonymize(clip, tmp_path / "out.mp4", "reflection", check=True)
    file = report.files[0]
    assert file.check is not None and report.check is not None
    assert (file.check.verified, file.check.faces, file.output) == (6, 6, None)
    assert report.check.smallest_distance < 0.3
    assert "6 of 6 compared faces are still taken for the person" in report.failures[clip]
    assert files_in(tmp_path) == ["J.mp4", "out.rejected.mp4"]

    album = tmp_path / "album"
    album.mkdir()
    shutil.copyfile(STILL, album / "a.jpg")
    folder = house.anonymize(album, tmp_path / "folder", "reflection", check=True)
    assert folder.files[0].rejected == tmp_path / "folder.rejected" / "a.jpg"
    assert files_in(tmp_path / "folder") == [] and folder.files[0].rejected.exists()

    assert house.anonymize(clip, tmp_path / "out.mp4", "reflection", check=True, max_verified=1.0).failures == {}
    house.anonymize(clip, tmp_path / "out.mp4", "reflection", check=True, overwrite=True)  # what was rejected stays
    assert {"out.mp4", "out.rejected.mp4", "out.rejected-2.mp4"} <= set(files_in(tmp_path))


def test_a_face_that_is_no_longer_known_passes(house: House, tmp_path: Path) -> None:
    clip = cut(J, tmp_path / "J.mp4", slice(0, 6))
    report = house.anonymize(clip, tmp_path / "out.mp4", check=True)
    assert report.check is not None and report.not_checked == "" and report.failures == {}
    assert (report.check.verified, report.check.faces) == (0, 6) and report.check.smallest_distance > 0.6

    assert report.recognizer is not None and report.recognizer.choice == "encoding"

    unchecked = house.anonymize(clip, tmp_path / "b.mp4", check=True, registry=without_encoding())
    assert unchecked.check is None and unchecked.recognizer is None
    assert "No feature named 'encoding'" in unchecked.not_checked and "mien-feature-encoding" in unchecked.not_checked
    with pytest.raises(MienError, match="No feature named 'encoding'"):
        house.anonymize(clip, tmp_path / "c.mp4", recognizer="encoding", registry=without_encoding())
    assert house.anonymize(clip, tmp_path / "c.mp4").not_checked == "it was not asked for"


class Interrupting:
    """A Progress that behaves like a user who presses Ctrl-C after some frames."""

    def __init__(self, after: int) -> None:
        self.left = after

    def start(self, what: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt

    def say(self, message: str) -> None:
        pass


@pytest.mark.parametrize("after", [5, 13, 19], ids=["looking", "drawing", "checking"])
def test_ctrl_c_leaves_nothing_behind(house: House, tmp_path: Path, after: int) -> None:
    clip = cut(E, tmp_path / "E.mp4", slice(0, 8))
    with pytest.raises(KeyboardInterrupt):
        house.anonymize(clip, tmp_path / "out.mp4", check=True, progress=Interrupting(after))
    assert files_in(tmp_path) == ["E.mp4"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mien-")]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "known"}, "draws the people it was trained on, not people who do not exist"),
        ({"seed": -1}, "The seed -1 is negative"),
        ({"missing": "guess"}, "--missing must be one of hide, refuse, keep, not 'guess'"),
        ({"margin_seconds": -1.0}, "--margin must be 0 or more seconds, not −1"),
        ({"max_verified": 2.0, "check": True}, "--max-verified must be a share from 0 to 1, not 2"),
        ({"extractor": "half+eagle"}, "No extractor named 'eagle'"),
        ({"extractor": "half+half"}, "names the extractor 'half' twice"),
        ({"source": STILL, "output": "out.bmp"}, r"out\.bmp: a \.bmp has no place to say that it is synthetic"),
        ({"output": "out.jpg"}, r"out\.jpg: videos are not written as \.jpg"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(house: House, tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    output = tmp_path / options.pop("output", "out.mp4")
    with pytest.raises(MienError, match=reason):
        house.anonymize(options.pop("source", J), output, **options)
    assert files_in(tmp_path) == []


def test_one_of_two_is_swapped_by_consent_and_the_label_says_so(house: House, tmp_path: Path) -> None:
    image, reference = tmp_path / "two.png", tmp_path / "E.png"
    for path, clip, index in ((image, TWO, 30), (reference, E, 5)):
        with VideoSource(clip) as video:
            write_image(path, next(video.frames(index, index + 1)).image, synthetic=None)
    (tmp_path / "policy.toml").write_text(
        f"""
[[people]]
images = ["E.png"]
action = "swap"
run = "{(house.runs / "known").as_posix()}"
to = "E"
consent = "E, on paper"
""",
        encoding="utf-8",
    )
    report = house.anonymize(image, tmp_path / "out.png", people=tmp_path / "policy.toml", extractor=ALL_FACES)
    assert (report.faces, report.people) == (2, 2)
    provenance = read_provenance(tmp_path / "out.png")
    assert provenance is not None
    assert (
        provenance.action == "faces drawn as people who do not exist, seed 0; faces drawn as E (consent: E, on paper)"
    )
    before, after = read_image(image), read_image(tmp_path / "out.png")
    left, right = (face.landmarks[30].round().astype(int) for face in house.faces(before))
    # The model that swaps draws what it sees; the other one draws a color.
    x, y = left
    assert np.isnan(hue_at(after, x, y)) and np.abs(after[y, x].astype(int) - before[y, x]).max() < 40
    x, y = right
    assert min(apart(hue_at(after, x, y), hue_of("two.png", person)) for person in (0, 1)) < 5


def test_swapping_refuses_a_run_of_synthetic_people(house: House, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="draws nobody by name; it cannot draw 'E'") as refused:
        swap(house.runs / "colors", STILL, tmp_path / "out.png", "E", registry=house.registry)
    assert refused.value.fix == f"mien anonymize INPUT OUTPUT --with {house.runs / 'colors'}"
