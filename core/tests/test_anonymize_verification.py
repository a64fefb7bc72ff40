"""Whether a face that was drawn is still taken for the person who was there, and what comes of it then."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mien import MienError
from mien.contracts.face import RgbImage
from mien.media.video_reader import Frame

from .anonymizing import House, files_in, without_encoding
from .sources import STILL, J, cut


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
