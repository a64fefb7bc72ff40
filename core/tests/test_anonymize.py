"""Anonymizing from end to end, on real faces, with a model that draws each synthetic person in a color of their own."""

import shutil
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
    FrameRange,
    MienError,
    Part,
    swap,
)
from mien.inference.target import synthetic_id
from mien.media.images import read_image, write_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import VideoSource

from .anonymizing import ALL_FACES, House, apart, files_in, hue_at, hue_of, hues, is_hidden, without_encoding
from .interrupting import Interrupting, no_threads_left
from .sources import CLIPS, DATA, NO_FACE, STILL, TWO, E, J, blinded, cut


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
    assert (report.people, report.counts_once) == (2, True)  # of two images and a clip
    assert (report.faces, report.frames_hidden) == (5, 1)
    (landmarks,) = [face.landmarks for face in house.faces(read_image(STILL))]
    x, y = landmarks[30].round().astype(int)
    for name in ("b.jpg", "deep/a.jpg"):
        # One person in two files: as whom they were drawn in the first of them.
        assert apart(hue_at(read_image(tmp_path / "out" / name), x, y), hue_of("b.jpg", 0)) < 5
    assert apart(hue_of("b.jpg", 0), hue_of("deep/a.jpg", 0)) > 10
    assert is_hidden(read_image(tmp_path / "out" / "rocket.jpg"))

    unknown = house.anonymize(album, tmp_path / "unknown", registry=without_encoding())
    assert (unknown.people, unknown.counts_once) == (3, False)
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


@pytest.mark.parametrize("after", [5, 13, 19], ids=["looking", "drawing", "checking"])
def test_ctrl_c_leaves_nothing_behind(house: House, tmp_path: Path, after: int) -> None:
    clip = cut(E, tmp_path / "E.mp4", slice(0, 8))
    with pytest.raises(KeyboardInterrupt):
        house.anonymize(clip, tmp_path / "out.mp4", check=True, progress=Interrupting(after))
    assert files_in(tmp_path) == ["E.mp4"]
    assert no_threads_left()


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

    text = (tmp_path / "policy.toml").read_text(encoding="utf-8")
    (tmp_path / "policy.toml").write_text(text.replace('to = "E"', 'to = "F"'), encoding="utf-8")
    with pytest.raises(MienError, match="knows no 'F'") as error:
        house.anonymize(image, tmp_path / "other.png", people=tmp_path / "policy.toml", extractor=ALL_FACES)
    assert error.value.fix.startswith('to = "')


def test_swapping_refuses_a_run_of_synthetic_people(house: House, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="draws nobody by name; it cannot draw 'E'") as refused:
        swap(house.runs / "colors", STILL, tmp_path / "out.png", "E", registry=house.registry)
    assert refused.value.fix == f"mien anonymize INPUT OUTPUT --with {house.runs / 'colors'}"
