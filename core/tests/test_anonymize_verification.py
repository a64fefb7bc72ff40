"""Whether a face that was drawn is still taken for the person who was there, and what comes of it then."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mien import MienError
from mien.contracts.face import RgbImage
from mien.media.animation import open_video
from mien.media.images import read_image
from mien.media.video_reader import Frame, VideoSource

from .anonymizing import House, files_in, without_encoding
from .sources import STILL, J, cut, in_wide_pixels


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


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_face_in_wide_pixels_is_compared_as_it_is_shown(house: House, tmp_path: Path, suffix: str) -> None:
    """In a .webm pixels are made square: what was written has another shape than what was read."""
    clip = in_wide_pixels(J, tmp_path / "wide.mp4", slice(0, 6))
    report = house.anonymize(clip, tmp_path / f"out{suffix}", "reflection", check=True)
    check = report.files[0].check
    assert check is not None and (check.verified, check.faces) == (6, 6) and check.smallest_distance < 0.3


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_frames_that_were_joined_since_they_are_alike_are_compared(house: House, tmp_path: Path, suffix: str) -> None:
    """What writes animations joins such frames: those after them have other numbers."""
    shown = [frame.image for frame in VideoSource(J).frames(0, 4)]
    gray = np.full((8, *shown[0].shape), 120, np.uint8)
    gray[range(8), 0, 0] = np.arange(8)[:, None]  # which blocks do not show
    frames = [Image.fromarray(image) for image in [*gray, *shown]]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100)
    report = house.anonymize(tmp_path / "a.png", tmp_path / f"out{suffix}", "reflection", check=True)
    (file,) = report.files
    assert file.frames == 12 and [(part.first, part.last) for part in file.hidden] == [(0, 7)]
    assert file.check is not None and (file.check.verified, file.check.faces) == (4, 4) and file.output is None
    assert file.rejected is not None and len(open_video(file.rejected).frame_times()) < 12


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_how_transparent_something_was_does_not_show_who_was_hidden(house: House, tmp_path: Path, suffix: str) -> None:
    """An image may be all in its alpha channel."""
    portrait = read_image(STILL)
    alpha = 255 - cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
    for name, color in (("face", 0), ("nobody", 255)):
        Image.fromarray(np.dstack([np.full_like(portrait, color), alpha])).save(tmp_path / f"{name}.png")
        house.anonymize(tmp_path / f"{name}.png", tmp_path / f"{name}-out{suffix}")
    (face,) = house.faces(read_image(tmp_path / "face.png"))
    x, y = face.landmarks.mean(0).round().astype(int)
    with Image.open(tmp_path / f"face-out{suffix}") as drawn, Image.open(tmp_path / f"nobody-out{suffix}") as hidden:
        after = np.array(drawn.convert("RGBA"))[..., 3]
        assert (after[y - 20 : y + 20, x - 20 : x + 20] == 255).mean() > 0.9 and (after == alpha).mean() > 0.3
        assert hidden.mode == "RGB" or (np.array(hidden)[..., 3] == 255).all()


def _lit(frame: Frame) -> RgbImage:
    return np.maximum(frame.image, 60) if frame.index in (1, 4) else frame.image


def test_who_is_still_known_in_some_frames_is_drawn_once_more_as_somebody_else(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two of twelve frames, in which nobody was tried, half of the synthetic people look as the filmed one."""
    monkeypatch.setattr("mien.anonymization.casting.CANDIDATES", 16)

    clip = cut(J, tmp_path / "J.mp4", slice(0, 12), _lit)
    notes = []
    for seed in range(3):
        report = house.anonymize(clip, tmp_path / f"out{seed}.mp4", "fickle", check=True, seed=seed)
        (file,) = report.files
        assert report.failures == {} and file.check is not None and (file.check.verified, file.check.faces) == (0, 12)
        notes += [note for note in file.notes if "a second time" in note]
    assert 1 <= len(notes) < 3
    assert all("another new face for somebody" in note for note in notes)


def test_who_gets_another_new_face_than_in_the_file_before_is_said(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second file, and in two frames in which nobody was tried."""
    monkeypatch.setattr("mien.anonymization.casting.CANDIDATES", 16)
    folder = tmp_path / "in"
    folder.mkdir()
    cut(J, folder / "a.mp4", slice(0, 2))
    cut(J, folder / "b.mp4", slice(0, 12), _lit)
    for seed in range(3):
        first, second = house.anonymize(folder, tmp_path / f"out{seed}", "fickle", check=True, seed=seed).files
        assert first.notes == () and not second.failure
        if second.notes:  # of the others the first new face is not known in those frames either
            break
    drawn_again, other = second.notes
    assert "a second time" in drawn_again
    assert other.startswith("from here on another new face for somebody seen before")


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
