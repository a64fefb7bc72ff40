"""What cannot be read, found or computed is told, and the rest is used."""

import os
from pathlib import Path
from typing import Any

import pytest

from mien import MienError, Registry
from mien.dataset.scenes import crops_in_scenes

from .preprocessing import contents, with_corner, write
from .sources import DATA


def test_a_name_that_is_no_text_is_no_hindrance(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    raw = tmp_path / "E" / "raw"
    raw.mkdir(parents=True)
    write(raw / "a.png", frames[0])
    (raw / "a.png").rename(raw / os.fsdecode(b"caf\xe9.png"))
    (raw / os.fsdecode(b"cut\xe9.jpg")).write_bytes(b"\xff\xd8\xff")
    report = third_party.preprocess(tmp_path / "E")
    assert report.faces == 1
    assert report.dataset.index(["source"])["source"].to_pylist() == ["caf\\udce9.png"]
    (reason,) = report.dataset.dropped()["dropped"].to_pylist()
    assert reason.startswith("unreadable")
    ((_, (crop,), _),) = crops_in_scenes(report.dataset, [0])
    assert (crop.scene == frames[0]).all()
    assert third_party.preprocess(tmp_path / "E").up_to_date


def test_nothing_to_preprocess_is_told(third_party: Any, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="does not exist") as caught:
        third_party.preprocess(tmp_path)
    assert f"mien preprocess {tmp_path} --from PATH" in caught.value.fix
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "notes.txt").write_text("no image")
    with pytest.raises(MienError, match="no images or videos in"):
        third_party.preprocess(tmp_path)
    with pytest.raises(MienError, match="There is no file or folder"):
        third_party.preprocess(tmp_path, sources=[tmp_path / "missing"])
    assert not (tmp_path / "faces").exists()


def test_a_misspelled_dataset_leaves_no_folder(third_party: Any, tmp_path: Path) -> None:
    with pytest.raises(MienError, match="does not exist"):
        third_party.preprocess(tmp_path / "Ee")
    assert not (tmp_path / "Ee").exists()


def test_an_extractor_need_not_be_named(third_party: Any, dataset: Path, tmp_path: Path) -> None:
    assert third_party.preprocess(dataset, extractor=None).up_to_date
    with pytest.raises(MienError, match="Several extractors are installed: boxes, template"):
        third_party.preprocess(tmp_path / "new", extractor=None, sources=[DATA / "clips" / "single_frame.mp4"])


def test_a_cut_off_video_gives_the_frames_before_and_says_where_it_ends(third_party: Any, tmp_path: Path) -> None:
    report = third_party.preprocess(tmp_path, sources=[DATA / "clips" / "truncated_faststart.mp4"])
    assert report.dataset.index(["frame"]).column("frame").to_pylist() == list(range(32))
    (row,) = report.dataset.dropped().to_pylist()
    assert row["frame"] == 32
    assert row["dropped"].startswith("unreadable: from frame 32: ")
    assert report.read == 32


def test_a_video_without_index_is_reported_and_the_others_are_used(third_party: Any, tmp_path: Path) -> None:
    clips = [DATA / "clips" / name for name in ("truncated_no_moov.mp4", "single_frame.mp4")]
    report = third_party.preprocess(tmp_path, sources=clips)
    assert report.faces == 1
    (row,) = report.dataset.dropped().to_pylist()
    assert row["frame"] is None
    assert "moov" in row["dropped"]


def test_an_image_that_a_plugin_fails_on_is_reported_and_the_others_are_used(
    third_party: Any, dataset: Path, frames: list[Any]
) -> None:
    write(dataset / "raw" / "red.png", with_corner(frames[0], (255, 0, 0)))
    report = third_party.preprocess(dataset)
    assert report.faces == 9
    assert report.dataset.info.counts.failed == 1
    (row,) = [row for row in report.dataset.dropped().to_pylist() if row["source"] == "red.png"]
    assert row["dropped"].startswith("failed: The extractor 'template:")
    assert "ArithmeticError: this image has a red corner" in row["dropped"]


def test_a_plugin_that_fails_on_every_image_stops_the_run(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "raw" / f"{number}.png", with_corner(frames[0], (255, 0, 0)))
    with pytest.raises(MienError, match=r"The first 3 images all failed.*red corner"):
        third_party.preprocess(tmp_path)
    for number in range(3):
        write(tmp_path / "raw" / f"{number}.png", frames[0])
    assert third_party.preprocess(tmp_path).faces == 3


@pytest.mark.parametrize(("kind", "option"), [("feature", "features"), ("masker", "masker")])
def test_the_plugin_that_fails_on_every_image_is_the_one_to_be_checked(
    kind: str, option: str, third_party: Any, environment: Any, frames: list[Any], tmp_path: Path
) -> None:
    environment.install_package("faulty")
    fault = "faulty:fault=raises"
    registry = Registry([*environment.points, *(third_party.registry._points or ())])
    write(tmp_path / "E" / "raw" / "0.png", frames[0])
    with pytest.raises(MienError, match="failed: ArithmeticError") as failed:
        third_party.preprocess(tmp_path / "E", registry=registry, **{"masker": "outline", option: fault})
    assert failed.value.fix == f"mien plugins check {kind}/{fault}"


@pytest.mark.parametrize(("fault", "no_mask"), [("", 0), ("ones", 2)])
def test_faces_with_next_to_no_mask_are_counted(
    fault: str, no_mask: int, third_party: Any, environment: Any, frames: list[Any], tmp_path: Path
) -> None:
    environment.install_package("faulty")
    registry = Registry([*environment.points, *(third_party.registry._points or ())])
    for number in range(2):
        write(tmp_path / "E" / "raw" / f"{number}.png", frames[number])
    report = third_party.preprocess(tmp_path / "E", registry=registry, features="", masker=f"faulty:fault={fault}")
    assert (report.faces, report.no_mask) == (2, no_mask)


def test_a_plugin_that_fails_on_all_of_many_new_images_stops_the_run(
    third_party: Any, dataset: Path, frames: list[Any]
) -> None:
    before = contents(dataset)
    for number in range(80):
        write(dataset / "raw" / f"red{number}.png", with_corner(frames[0][:20, :20], (255, 0, 0)))
    with pytest.raises(MienError, match=r"The first 64 images all failed"):
        third_party.preprocess(dataset)
    assert contents(dataset) == before
