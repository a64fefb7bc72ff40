"""What is hidden: where a face is missed, where one was before, and a face that cannot be drawn."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien import (
    FrameRange,
    MienError,
    Session,
    SessionOptions,
    swap,
)
from mien.contracts.face import RgbImage
from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.media.provenance import read_provenance
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.recognizer import Recognizer

from .anonymizing import ALL_FACES, House, files_in, is_hidden
from .interrupting import no_threads_left
from .sources import CLIPS, NO_FACE, STILL, TWO, cut, pictures

FACE_THEN_NONE = CLIPS / "face_then_noface_6s.mp4"


def left_covered(indices: Sequence[int]) -> Callable[[Frame], RgbImage]:
    def change(frame: Frame) -> RgbImage:
        image = frame.image.copy()
        if frame.index in indices:
            half = image.shape[1] // 2
            image[:, :half] = np.where(np.arange(half) // 4 % 2, 90, 170)[None, :, None]  # stripes
        return image

    return change


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


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_page_is_not_before_or_after_another_as_a_frame_is(house: House, tmp_path: Path, suffix: str) -> None:
    covered = left_covered([*range(1, 7), 8])
    images = [covered(frame) for frame in VideoSource(TWO).frames(0, 9)]
    report = house.anonymize(pictures(tmp_path / f"in{suffix}", images), tmp_path / f"out{suffix}")
    (file,) = report.files
    assert (file.frames, file.no_face, file.failure) == (9, (), "")
    if suffix == ".tif":
        assert file.faces == 9 + 2 and file.partial == file.hidden == file.hidden_in_part == ()
    else:
        assert file.partial == file.hidden == (FrameRange(1, 6),)
        assert file.hidden_in_part == file.hidden_by_margin == (FrameRange(8, 8),)


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
    assert no_threads_left()

    whole = cut(TWO, tmp_path / "whole.mp4", slice(0, 8))
    assert house.anonymize(whole, tmp_path / "out.mp4", missing="refuse").faces == 16


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
    with pytest.raises(MienError, match=r"boxes finds 1 face in .*hopper.jpg, but not the landmarks") as refused:
        swap(run, STILL, tmp_path / "out.png", "E", options=boxes, registry=house.registry)
    assert "--extractor boxes+NAME" in refused.value.fix
