"""Disks that are full, may not be written or know no links: it is told, and nothing is lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mien import MienError

from .preprocessing import contents, write


def test_a_full_disk_is_told_and_nothing_is_lost(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    """The disk is a file-size limit of 300 kB: one array of 40 crops is larger."""
    before = contents(dataset)
    for number in range(40):
        write(dataset / "raw" / f"new{number:02d}.png", frames[number % 8])
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(MienError, match="faces"):
            third_party.preprocess(dataset)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(dataset) == before
    assert third_party.preprocess(dataset).faces == 49


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 5 MB: room for some ten faces twice."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=5000k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small disk")
    yield folder
    # Lazily: a worker that was ended may take a moment to let go of it.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_is_told_and_nothing_is_lost(
    third_party: Any, frames: list[Any], tmp_path: Path, disk: Path
) -> None:
    images = [write(tmp_path / "images" / f"{number:02d}.png", frames[number % 8]) for number in range(24)]
    assert third_party.preprocess(disk / "E", sources=images[:4]).faces == 4
    before = contents(disk / "E")
    with pytest.raises(MienError, match="disk is full") as caught:
        third_party.preprocess(disk / "E", sources=images)
    assert caught.value.fix.startswith("df -h")
    assert contents(disk / "E") == before
    subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
    report = third_party.preprocess(disk / "E", sources=images)
    assert report.faces == 24
    assert report.images_done < 20


def test_a_disk_that_fills_while_merging_is_told_and_the_shards_stay(
    third_party: Any, frames: list[Any], tmp_path: Path, disk: Path
) -> None:
    images = [write(tmp_path / "images" / f"{number:02d}.png", frames[number % 8]) for number in range(14)]
    filler = disk / "filler"
    filler.write_bytes(b"0" * 700_000)
    with pytest.raises(MienError, match="disk is full"):
        third_party.preprocess(disk / "E", sources=images)
    assert not (disk / "E" / ".faces.new").exists()
    filler.unlink()
    report = third_party.preprocess(disk / "E", sources=images)
    assert (report.images_done, report.faces) == (0, 14)


def test_a_disk_that_may_not_be_written_is_told_and_can_be_read(third_party: Any, finished: Path, disk: Path) -> None:
    shutil.copytree(finished, disk / "E")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert third_party.preprocess(disk / "E").up_to_date
    for change in ({"features": "surroundings"}, {"again": True}):
        with pytest.raises(MienError, match="may not be written"):
            third_party.preprocess(disk / "E", **change)
    assert contents(disk / "E") == contents(finished)


def test_a_folder_that_may_not_be_written_is_told(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    write(dataset / "raw" / "new.png", frames[0])
    before = contents(dataset)
    (dataset / "faces").chmod(0o500)
    try:
        if os.access(dataset / "faces", os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(MienError, match="may not be written"):
            third_party.preprocess(dataset)
        assert contents(dataset) == before
    finally:
        (dataset / "faces").chmod(0o700)


def test_a_file_in_the_way_is_told(third_party: Any, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").write_text("in the way")
    with pytest.raises(MienError, match="faces"):
        third_party.preprocess(tmp_path, sources=[finished / "raw"])
    assert (tmp_path / "faces").read_text() == "in the way"


def test_without_hard_links_images_are_copied(
    third_party: Any, finished: Path, frames: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "linked" / "E")
    write(tmp_path / "linked" / "E" / "raw" / "new.png", frames[0])
    shutil.copytree(tmp_path / "linked" / "E", tmp_path / "copied" / "E")
    assert third_party.preprocess(tmp_path / "linked" / "E").images_done == 1

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)
    assert third_party.preprocess(tmp_path / "copied" / "E").images_done == 1
    assert contents(tmp_path / "copied" / "E") == contents(tmp_path / "linked" / "E")
