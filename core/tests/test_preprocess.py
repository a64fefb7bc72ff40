import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from mien import MienError, Registry
from mien.dataset import Dataset
from mien.dataset.options import PreprocessOptions, dataset_alignment
from mien.dataset.preprocess import preprocess
from mien.dataset.scenes import crops_in_scenes
from mien.geometry.alignment import AlignmentConfig
from mien.media.video_reader import VideoSource
from mien.tracking.recognizer import Recognizer

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"


class Listener:
    """A Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.tracklets: list[tuple[str, int | None, int]] = []
        self.said: list[str] = []

    def start(self, what: str, total: int | None) -> None:
        self.tracklets.append((what, total, 0))

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        what, total, done = self.tracklets[-1]
        self.tracklets[-1] = (what, total, done + steps)

    def say(self, message: str) -> None:
        self.said.append(message)


def write(path: Path, image: Any) -> Path:
    """Write an image as PNG, so that it is read back as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return path


def with_corner(image: Any, color: tuple[int, int, int]) -> Any:
    marked = image.copy()
    marked[0, 0] = color
    return marked


def contents(dataset: Path) -> dict[str, Any]:
    """All that a dataset says, in a form that can be compared."""
    opened = Dataset.open(dataset)
    arrays = sorted((dataset / "faces" / "arrays").iterdir())
    images = sorted((dataset / "faces" / "images").rglob("*.png"))
    return {
        "info": opened.info,
        "index": [
            {**row, "person": row["person"].replace(opened.name, "its own")} for row in opened.index().to_pylist()
        ],
        "dropped": opened.dropped().to_pylist(),
        "arrays": {path.name: path.read_bytes() for path in arrays},
        "images": {str(path.relative_to(dataset)): path.read_bytes() for path in images},
    }


def likeness(image: Any, other: Any) -> float:
    """Correlation of two images' values."""
    return float(np.corrcoef(image.ravel(), other.ravel())[0, 1])


def nothing_is_left(dataset: Path) -> bool:
    return sorted(path.name for path in dataset.iterdir()) == ["faces", "raw"] and sorted(
        path.name for path in (dataset / "faces").iterdir()
    ) == ["arrays", "dataset.json", "images", "index.parquet"]


# The first run


def test_a_report_says_what_was_read_and_found(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "raw" / f"{number}.png", frames[number])
    write(tmp_path / "raw" / "black.png", frames[0] * 0)
    (tmp_path / "raw" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (tmp_path / "raw" / "notes.txt").write_text("not an image")
    listener = Listener()
    report = third_party.preprocess(tmp_path, progress=listener)
    assert (report.read, report.faces, report.images_done) == (4, 3, 5)
    assert report.reasons == {"no face": 1, "unreadable": 1}
    assert report.dataset.info.counts.model_dump() == {
        "read": 4,
        "faces": 3,
        "no_face": 1,
        "unreadable": 1,
        "failed": 0,
        "dropped": 0,
    }
    assert report.images_per_second == pytest.approx(5 / report.seconds)
    assert listener.tracklets[0] == ("faces", 5, 5)
    (unreadable,) = [row for row in report.dataset.dropped().to_pylist() if row["source"] == "broken.jpg"]
    assert unreadable["dropped"].startswith("unreadable: ")
    assert "broken.jpg" in unreadable["dropped"]
    assert nothing_is_left(tmp_path)


def test_worker_processes_do_not_change_the_result(third_party: Any, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "raw", tmp_path / "E" / "raw")
    third_party.preprocess(tmp_path / "E", workers=3)
    assert contents(tmp_path / "E") == contents(finished)


@pytest.mark.parametrize("workers", [None, 1])
def test_another_executor_gives_the_same_bit_for_bit(
    third_party: Any, finished: Path, tmp_path: Path, workers: int | None
) -> None:
    shutil.copytree(finished / "raw", tmp_path / "E" / "raw")
    listener = Listener()
    with ThreadPoolExecutor(2) as executor:
        third_party.preprocess(tmp_path / "E", executor=executor, workers=workers, progress=listener)
        assert contents(tmp_path / "E") == contents(finished)
        assert listener.tracklets[0] == ("faces", 10, 10)
        report = third_party.preprocess(tmp_path / "E", executor=executor, features="tint+surroundings")
    assert report.features_added == ("surroundings-whole=false",)
    shutil.copytree(finished / "raw", tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new", features="tint+surroundings")
    assert contents(tmp_path / "E") == contents(tmp_path / "new")


def test_files_and_folders_elsewhere_are_sources_too(third_party: Any, finished: Path, tmp_path: Path) -> None:
    folder, clip = finished / "raw" / "images", finished / "raw" / "z.mp4"
    report = third_party.preprocess(tmp_path / "K", sources=[folder, clip, folder / "0.png"])
    assert set(report.dataset.index(["source"]).column("source").to_pylist()) == {
        *(str(folder / f"{number}.png") for number in range(8)),
        str(clip),
    }
    assert report.faces == 9
    again = third_party.preprocess(tmp_path / "K")
    assert again.up_to_date


def test_without_images_only_arrays_are_written(third_party: Any, finished: Path, tmp_path: Path) -> None:
    third_party.preprocess(tmp_path, sources=[finished / "raw"], images=False)
    assert not (tmp_path / "faces" / "images").exists()
    with pytest.raises(MienError, match="images/") as caught:
        third_party.preprocess(tmp_path)
    assert "--again" in caught.value.fix


def test_without_copies_only_the_crops_are_written(third_party: Any, finished: Path, tmp_path: Path) -> None:
    dataset = third_party.preprocess(tmp_path, sources=[finished / "raw"], copies=False).dataset
    assert dataset.info.sizes == ()
    assert not (tmp_path / "faces" / "images").exists()
    assert [path.name for path in (tmp_path / "faces" / "arrays").glob("images*")] == []
    np.testing.assert_array_equal(dataset.crops(), Dataset.open(finished).crops())
    assert dataset.info.digest == Dataset.open(finished).info.digest
    with pytest.raises(MienError, match="it holds none") as caught:
        dataset.images(64)
    assert caught.value.fix.startswith(f"mien preprocess {tmp_path} --again --from {finished / 'raw'} --extractor ")
    assert "--no-copies" not in caught.value.fix
    with pytest.raises(MienError, match="no small copies"):
        third_party.preprocess(tmp_path)


@pytest.mark.parametrize("size", [100, 300])
def test_crops_may_be_of_any_size_and_copies_go_up_to_128_px(
    third_party: Any, finished: Path, tmp_path: Path, size: int
) -> None:
    report = third_party.preprocess(
        tmp_path, sources=[finished / "raw" / "z.mp4"], alignment=dataset_alignment({"size": size})
    )
    dataset = report.dataset
    assert dataset.info.size == size
    assert dataset.crops().shape == (1, size, size, 3)
    assert dataset.masks().shape == (1, size, size)
    assert dataset.info.sizes == ((2, 4, 8, 16, 32, 64) if size == 100 else (2, 4, 8, 16, 32, 64, 128))
    whole = Dataset.open(finished).images(64)[-1]
    assert likeness(dataset.images(64)[0], whole) > 0.998
    assert likeness(dataset.images(2)[0], Dataset.open(finished).images(2)[-1]) > 0.999


def test_a_smaller_alignment_makes_smaller_crops(third_party: Any, finished: Path, tmp_path: Path) -> None:
    report = third_party.preprocess(tmp_path, sources=[finished / "raw" / "z.mp4"], alignment=AlignmentConfig(size=16))
    assert report.dataset.info.sizes == (2, 4, 8, 16)
    assert report.dataset.images(16).shape == (1, 16, 16, 3)
    assert report.dataset.masks().shape == (1, 16, 16)


def test_a_set_without_faces_is_a_dataset_of_none(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    write(tmp_path / "raw" / "black.png", frames[0] * 0)
    report = third_party.preprocess(tmp_path, features="tint+surroundings")
    assert (report.faces, report.reasons) == (0, {"no face": 1})
    assert report.dataset.images(128).shape == (0, 128, 128, 3)
    mean, covariance = report.dataset.statistics("tint")
    assert not mean.any()
    assert not covariance.any()
    assert third_party.preprocess(tmp_path).up_to_date


def test_workers_load_no_torch(third_party: Any, finished: Path, tmp_path: Path, environment: Any) -> None:
    source = """
        import sys
        import numpy as np
        from mien import Feature
        from mien.contracts.hooks import PluginSpec, hookimpl

        class Torch(Feature):
            shape = (1,)
            bounds = (0, 1)

            def compute(self, crops):
                return np.full((len(crops), 1), "torch" in sys.modules, np.float32)

        @hookimpl
        def register_features():
            return [PluginSpec("torch", "mien_feature_torch:Torch", "whether torch is loaded", contract=2)]
    """
    environment.install("mien-feature-torch", {"mien_feature_torch": source})
    registry = Registry([*environment.points, *third_party.registry._points])
    report = third_party.preprocess(tmp_path, features="torch", registry=registry, sources=[finished / "raw" / "z.mp4"])
    assert not report.dataset.feature("torch").any()


# Again and again


def test_run_again_on_the_same_sources_does_nothing(third_party: Any, dataset: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    listener = Listener()
    report = third_party.preprocess(dataset, progress=listener)
    assert report.up_to_date
    assert report.images_done == 0
    assert report.seconds < 2
    assert "up to date: 9 faces" in listener.said[0]
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before


def test_only_what_is_new_changed_or_gone_is_done_and_the_result_is_that_of_a_first_run(
    third_party: Any, dataset: Path, frames: list[Any], tmp_path: Path
) -> None:
    raw = dataset / "raw"
    write(raw / "images" / "25.png", frames[2] // 2)
    write(raw / "images" / "4.png", frames[4] // 3)
    (raw / "images" / "6.png").unlink()
    (raw / "black.png").unlink()
    listener = Listener()
    report = third_party.preprocess(dataset, progress=listener)
    assert report.images_done == 2
    assert listener.tracklets[0] == ("faces", 2, 2)
    assert "2 of 10 sources are gone" in listener.said[0]
    shutil.copytree(raw, tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new")
    assert contents(dataset) == contents(tmp_path / "new")
    assert nothing_is_left(dataset)


def test_sources_that_are_not_named_any_more_drop_out(third_party: Any, finished: Path, tmp_path: Path) -> None:
    images, clip = finished / "raw" / "images", finished / "raw" / "z.mp4"
    assert third_party.preprocess(tmp_path / "K", sources=[images]).faces == 8
    listener = Listener()
    report = third_party.preprocess(tmp_path / "K", sources=[clip], progress=listener)
    assert (report.faces, report.images_done) == (1, 1)
    assert "8 of 8 sources are gone or not named any more" in listener.said[0]
    assert third_party.preprocess(tmp_path / "K", sources=[images, clip]).faces == 9


def test_an_image_touched_without_change_is_looked_at_again(third_party: Any, dataset: Path) -> None:
    (dataset / "raw" / "images" / "0.png").touch()
    digest = Dataset.open(dataset).info.digest
    report = third_party.preprocess(dataset)
    assert report.images_done == 1
    assert report.dataset.info.digest == digest


def test_the_faces_stay_when_all_images_are_gone(third_party: Any, dataset: Path) -> None:
    shutil.rmtree(dataset / "raw")
    listener = Listener()
    report = third_party.preprocess(dataset, features="tint", progress=listener)
    assert report.faces == 9
    assert "gone; its faces are kept" in listener.said[0]


def test_another_extractor_alignment_or_filter_is_refused_and_may_be_insisted_on(
    third_party: Any, dataset: Path
) -> None:
    for settings, told in (
        ({"extractor": "template:grow=1.2"}, r"template:grow=1\.0.*template:grow=1\.2"),
        ({"alignment": AlignmentConfig(margin=0.2)}, r"margin=0\.1,.*margin=0\.2"),
        ({"masker": "outline+outline"}, r"the masker outline, and you asked for outline\+outline"),
        ({"people": "folders"}, "the people dataset, and you asked for folders"),
        ({"largest": True}, "all faces of an image"),
        ({"keep_person": dataset / "raw" / "images" / "0.png"}, "person"),
    ):
        with pytest.raises(MienError, match=told) as caught:
            third_party.preprocess(dataset, **settings)
        assert f"mien preprocess {dataset} --again" in caught.value.fix
    report = third_party.preprocess(dataset, extractor="template:grow=1.2", again=True)
    assert report.images_done == 10
    assert report.dataset.info.extractor.startswith("template:grow=1.2")


def test_another_version_of_the_extractor_may_not_add_faces(
    third_party: Any, environment: Any, frames: list[Any], tmp_path: Path
) -> None:
    environment.install_package("third_party", "mien-extractor-versioned", named="versioned")
    dataset = tmp_path / "E"
    write(dataset / "raw" / "0.png", frames[0])
    third_party.preprocess(dataset, registry=Registry(environment.points))
    (info,) = environment.folder.glob("*.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mien-extractor-versioned\nVersion: 2.0\n")
    assert not third_party.preprocess(dataset, features="", registry=Registry(environment.points)).images_done
    write(dataset / "raw" / "1.png", frames[1])
    with pytest.raises(MienError, match=r"mien-extractor-versioned 1\.0, but mien-extractor-versioned 2\.0"):
        third_party.preprocess(dataset, registry=Registry(environment.points))


# Features


def test_a_feature_is_added_without_touching_the_rest(third_party: Any, dataset: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (dataset / "faces" / "arrays").iterdir()}
    report = third_party.preprocess(dataset, features="surroundings")
    assert report.features_added == ("surroundings-whole=false",)
    assert report.images_done == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    shutil.copytree(dataset / "raw", tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new", features="tint+surroundings")
    assert contents(dataset) == contents(tmp_path / "new")
    assert nothing_is_left(dataset)


def test_a_feature_of_crops_can_be_added_when_the_images_are_gone(
    third_party: Any, finished: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "E"
    shutil.copytree(finished / "raw", dataset / "raw")
    third_party.preprocess(dataset, features="")
    shutil.rmtree(dataset / "raw")
    third_party.preprocess(dataset, features="tint")
    np.testing.assert_array_equal(Dataset.open(dataset).feature("tint"), Dataset.open(finished).feature("tint"))
    with pytest.raises(MienError, match=r"0\.png"):
        third_party.preprocess(dataset, features="surroundings")


def test_features_are_kept_when_sources_change_and_others_are_asked_for(
    third_party: Any, dataset: Path, frames: list[Any]
) -> None:
    write(dataset / "raw" / "new.png", frames[0])
    report = third_party.preprocess(dataset, features="surroundings")
    assert [feature.key for feature in report.dataset.info.features] == ["tint", "surroundings-whole=false"]
    assert len(report.dataset.feature("tint")) == len(report.dataset.feature("surroundings-whole=false")) == 10


def test_a_feature_of_another_version_is_computed_anew_when_it_is_asked_for(
    third_party: Any, environment: Any, frames: list[Any], tmp_path: Path
) -> None:
    environment.install_package("third_party", "mien-versioned", named="versioned")
    dataset = tmp_path / "E"
    write(dataset / "raw" / "0.png", frames[0])
    third_party.preprocess(dataset, registry=Registry(environment.points))
    (info,) = environment.folder.glob("*.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mien-versioned\nVersion: 2.0\n")
    report = third_party.preprocess(dataset, registry=Registry(environment.points))
    assert report.features_added == ("tint",)
    assert [feature.version for feature in report.dataset.info.features] == ["2.0"]


# Who is kept


@pytest.fixture
def crowd(frames: list[Any], tmp_path: Path) -> Path:
    """E twice in each of four images; the face to the left is smaller, in two images it is somebody reddish."""
    reddish = (frames[0] * (1.0, 0.5, 0.5)).astype(np.uint8)
    for number in range(4):
        left = reddish if number % 2 else frames[number]
        write(tmp_path / "E" / "raw" / f"{number}.png", np.concatenate([left, frames[number]], axis=1))
    write(tmp_path / "reference.png", frames[5])
    return tmp_path / "E"


def test_every_face_of_an_image_is_found(third_party: Any, crowd: Path) -> None:
    index = third_party.preprocess(crowd).dataset.index(["source", "face"]).to_pylist()
    assert [(row["source"], row["face"]) for row in index] == [(f"{n}.png", face) for n in range(4) for face in (0, 1)]


def test_only_the_largest_face_is_kept(third_party: Any, crowd: Path) -> None:
    dataset = third_party.preprocess(crowd, largest=True).dataset
    assert dataset.index(["face"]).column("face").to_pylist() == [1, 1, 1, 1]
    assert dataset.info.reasons == {"not the largest face": 4}
    assert all(row["box"] and row["face"] == 0 for row in dataset.dropped().to_pylist())
    assert third_party.preprocess(crowd).up_to_date


def test_only_the_person_of_the_reference_is_kept(third_party: Any, crowd: Path) -> None:
    dataset = third_party.preprocess(crowd, keep_person=crowd.parent / "reference.png").dataset
    assert len(dataset) == 6
    assert dataset.info.reasons == {"another person": 2}
    dropped = dataset.dropped().to_pylist()
    assert [(row["source"], row["face"]) for row in dropped] == [("1.png", 0), ("3.png", 0)]
    assert all(row["dropped"].startswith("another person: distance ") for row in dropped)


@pytest.mark.long
def test_the_person_stays_with_the_dataset(third_party: Any, crowd: Path, frames: list[Any]) -> None:
    third_party.preprocess(crowd, keep_person=crowd.parent / "reference.png", features="surroundings")
    write(crowd / "raw" / "5.png", (frames[5] * (1.0, 0.5, 0.5)).astype(np.uint8))
    report = third_party.preprocess(crowd)
    assert report.images_done == 1
    assert report.reasons == {"another person": 3}


def test_the_largest_face_of_the_person_is_kept(third_party: Any, crowd: Path) -> None:
    report = third_party.preprocess(crowd, keep_person=crowd.parent / "reference.png", largest=True)
    assert report.faces == 4
    assert report.reasons == {"another person": 2, "not the largest face": 2}


# What goes wrong


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


def test_the_dataset_s_own_crops_are_no_sources(third_party: Any, dataset: Path) -> None:
    report = third_party.preprocess(dataset, sources=[dataset], again=True)
    assert report.images_done == 10
    assert third_party.preprocess(dataset, sources=[dataset]).up_to_date


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


def test_a_video_is_cut_into_chunks_and_put_together_in_order(third_party: Any, tmp_path: Path) -> None:
    report = third_party.preprocess(tmp_path, sources=[DATA / "clips" / "target_E_4s_silent.mp4"], workers=2)
    index = report.dataset.index(["frame", "pts"])
    assert index.column("frame").to_pylist() == list(range(100))
    pts = index.column("pts").to_pylist()
    assert pts == sorted(set(pts))


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


def test_a_plugin_that_fails_on_all_of_many_new_images_stops_the_run(
    third_party: Any, dataset: Path, frames: list[Any]
) -> None:
    before = contents(dataset)
    for number in range(80):
        write(dataset / "raw" / f"red{number}.png", with_corner(frames[0][:20, :20], (255, 0, 0)))
    with pytest.raises(MienError, match=r"The first 64 images all failed"):
        third_party.preprocess(dataset)
    assert contents(dataset) == before


def test_a_killed_worker_is_told_with_what_it_worked_on_and_the_next_run_goes_on(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse"
    for number in range(40):
        write(dataset / "raw" / f"{number:02d}.png", with_corner(frames[number % 8], (0, 255 * (number == 35), 0)))
    fuse.touch()
    extractor = f"template:fuse={fuse}"
    with pytest.raises(MienError, match=r"killed by signal 9.*8 images from 32\.png to 39\.png") as caught:
        third_party.preprocess(dataset, extractor=extractor)
    assert "what is done is kept" in caught.value.fix
    listener = Listener()
    report = third_party.preprocess(dataset, extractor=extractor, progress=listener)
    assert report.faces == 40
    assert report.images_done == 8
    assert "32 of 40" in listener.said[0]


def run_in_a_process(third_party: Any, dataset: Path, extractor: str) -> "subprocess.CompletedProcess[str]":
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from importlib.metadata import EntryPoint\n"
        "from pathlib import Path\n"
        "from mien import PreprocessOptions, Registry\n"
        "from mien.dataset.preprocess import preprocess\n"
        "registry = Registry([EntryPoint('third_party', 'third_party', 'mien')])\n"
        "options = PreprocessOptions(extractor=sys.argv[3], features='tint', workers=1)\n"
        "preprocess(Path(sys.argv[2]), options=options, registry=registry)\n"
    )
    command = [sys.executable, "-c", code, str(DATA.parent / "plugins"), str(dataset), extractor]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_killed_in_the_middle_it_continues_and_the_result_is_that_of_one_run(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse-for-the-parent"
    for number in range(40):
        write(dataset / "raw" / f"{number:02d}.png", with_corner(frames[number % 8], (0, 255 * (number == 37), 0)))
    fuse.touch()
    extractor = f"template:fuse={fuse}"
    assert run_in_a_process(third_party, dataset, extractor).returncode == -signal.SIGKILL
    with pytest.raises(MienError, match="not been finished"):
        Dataset.open(dataset)
    half_written = dataset / "faces" / ".work" / f".{'0' * 32}.partial-1"
    half_written.mkdir()
    report = third_party.preprocess(dataset, extractor=extractor)
    assert report.images_done in (0, 8)  # the worker that has killed its parent may end its chunk before it sees that
    assert nothing_is_left(dataset)
    shutil.copytree(dataset / "raw", tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new", extractor=extractor)
    assert contents(dataset) == contents(tmp_path / "new")


def test_an_update_killed_in_the_middle_leaves_the_old_dataset(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    dataset, fuse = tmp_path / "E", tmp_path / "fuse-for-the-parent"
    extractor = f"template:fuse={fuse}"
    write(dataset / "raw" / "0.png", frames[0])
    third_party.preprocess(dataset, extractor=extractor)
    before = contents(dataset)
    write(dataset / "raw" / "1.png", with_corner(frames[1], (0, 255, 0)))
    fuse.touch()
    assert run_in_a_process(third_party, dataset, extractor).returncode == -signal.SIGKILL
    assert contents(dataset) == before
    assert third_party.preprocess(dataset, extractor=extractor).faces == 2


def test_a_merge_that_was_stopped_is_begun_anew(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    write(dataset / "raw" / "new.png", frames[0])
    left = dataset / ".faces.new" / "arrays"
    left.mkdir(parents=True)
    (left / "images128.npy").write_bytes(b"half of it")
    assert third_party.preprocess(dataset).faces == 10
    assert nothing_is_left(dataset)


@pytest.mark.parametrize("change", [{}, {"features": "surroundings"}, {"again": True}], ids=str)
def test_an_exchange_that_was_stopped_halfway_is_finished(
    third_party: Any, dataset: Path, finished: Path, change: dict[str, Any]
) -> None:
    """Stopped between its two renames: the old faces stand aside, the new ones are whole and not in place yet."""
    shutil.copytree(dataset / "faces", dataset / ".faces.old")
    (dataset / "faces").rename(dataset / ".faces.new")
    shutil.rmtree(dataset / "raw")
    if change.get("again"):
        with pytest.raises(MienError, match="nothing to preprocess"):
            third_party.preprocess(dataset, **change)
    elif change:
        with pytest.raises(MienError, match=r"\.png"):  # it needs the images, and they are gone
            third_party.preprocess(dataset, **change)
    else:
        assert third_party.preprocess(dataset).faces == 9
    assert contents(dataset)["arrays"] == contents(finished)["arrays"]
    assert not (dataset / ".faces.new").exists()
    assert not (dataset / ".faces.old").exists()


def test_an_exchange_whose_new_faces_are_not_whole_gives_the_old_ones(
    third_party: Any, dataset: Path, finished: Path
) -> None:
    (dataset / "faces").rename(dataset / ".faces.old")
    (dataset / ".faces.new" / "arrays").mkdir(parents=True)
    assert third_party.preprocess(dataset).up_to_date
    assert contents(dataset) == contents(finished)
    assert nothing_is_left(dataset)


def test_what_another_run_holds_is_not_even_looked_at(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    """Whoever looked before holding the dataset would go on with what it was before the other run finished."""

    class Meanwhile(Listener):
        def start(self, what: str, total: int | None) -> None:
            super().start(what, total)
            info = dataset / "faces" / "dataset.json"
            text = info.read_text()
            info.write_text("damaged")
            with pytest.raises(MienError, match="another run"):
                third_party.preprocess(dataset, keep_person=dataset / "nobody.png")
            info.write_text(text)

    write(dataset / "raw" / "new.png", frames[0])
    assert third_party.preprocess(dataset, progress=Meanwhile()).faces == 10


def test_ctrl_c_ends_the_workers_and_keeps_what_is_done(third_party: Any, frames: list[Any], tmp_path: Path) -> None:
    """The last images are large: a worker is not through with them when it is told to end."""
    for number in range(40):
        frame = frames[number % 8] if number < 36 else cv2.resize(frames[number % 8], None, fx=10, fy=10)
        write(tmp_path / "raw" / f"{number:02d}.png", frame)

    class Impatient(Listener):
        def advance(self, steps: int = 1, **figures: float | str) -> None:
            super().advance(steps, **figures)
            if self.tracklets[-1][2] == 36:
                raise KeyboardInterrupt

    listener = Impatient()
    with pytest.raises(KeyboardInterrupt):
        third_party.preprocess(tmp_path, progress=listener)
    assert "the same command goes on" in listener.said[-1]
    assert third_party.preprocess(tmp_path).images_done == 8


def test_two_runs_at_once_are_refused(third_party: Any, dataset: Path, frames: list[Any]) -> None:
    class Twice(Listener):
        def start(self, what: str, total: int | None) -> None:
            super().start(what, total)
            with pytest.raises(MienError, match="another run"):
                third_party.preprocess(dataset)

    write(dataset / "raw" / "new.png", frames[0])
    listener = Twice()
    assert third_party.preprocess(dataset, progress=listener).faces == 10
    assert listener.tracklets


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
    subprocess.run(["umount", str(folder)], check=True)


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


# Real faces, all formats


FORMATS_WITHOUT_FACE = {
    "bilevel.png",
    "black.png",
    "eyes_bar.jpg",
    "half_face_at_border.jpg",
    "one_pixel.png",
    "rotated90_no_exif.jpg",
    "tiny_face_40x40.png",
}
DAMAGED_FORMATS = {"bitflips.jpg", "empty.jpg", "header_only.jpg", "text_named.jpg", "truncated.jpg", "truncated.png"}


def test_real_faces_in_every_format_are_used_or_reported(tmp_path: Path) -> None:
    """The installed extractor and features on an astronaut in 38 formats, Grace Hopper, and a rocket."""
    for plugin in ("extractor_face_recognition", "feature_landmarks", "feature_thumbnail"):
        pytest.importorskip(f"mien_{plugin}")
    report = preprocess(
        tmp_path,
        sources=[DATA / "images"],
        options=PreprocessOptions(
            extractor="face_recognition", features="landmarks:points=68+thumbnail:size=8", workers=2
        ),
    )
    names = {Path(row["source"]).name: row["dropped"] for row in report.dataset.dropped().to_pylist()}
    assert {name for name, why in names.items() if why == "no face"} == FORMATS_WITHOUT_FACE | {"rocket.jpg"}
    assert {name for name, why in names.items() if why.startswith("unreadable: ")} == DAMAGED_FORMATS
    faces = [Path(source).name for source in report.dataset.index(["source"]).column("source").to_pylist()]
    everything = {path.name for path in (DATA / "images").rglob("*") if path.is_file()}
    assert set(faces) == everything - names.keys()
    crops = report.dataset.images(64)
    upright = crops[faces.index("rgb.png")]
    for name in ("exif_orientation_2.jpg", "exif_orientation_3.jpg", "exif_orientation_6.jpg", "cmyk.jpg", "rgb16.png"):
        crop = crops[faces.index(name)]
        assert likeness(crop, upright) > 0.95 > likeness(crop[:, ::-1], upright), name


@pytest.mark.long
def test_dlib_s_encoding_keeps_one_of_two_people(frames: list[Any], tmp_path: Path) -> None:
    for plugin in ("extractor_face_recognition", "feature_encoding"):
        pytest.importorskip(f"mien_{plugin}")
    with VideoSource(DATA / "clips" / "two_people_2s_audio.mp4") as video:
        for frame in video.frames(0, 3):
            write(tmp_path / "E" / "raw" / f"{frame.index}.png", frame.image)
    reference = write(tmp_path / "reference.png", frames[0])
    report = preprocess(
        tmp_path / "E",
        options=PreprocessOptions(
            extractor="face_recognition:search=full", features="encoding", keep_person=reference, workers=1
        ),
    )
    assert report.faces == 3
    assert report.reasons == {"another person": 3}
    detector = report.dataset.info.extractor
    recognizer, extractor = Recognizer(Registry()), Registry().create("extractor", detector)
    (key,) = [feature.key for feature in report.dataset.info.features]
    person = recognizer.reference(reference, extractor)  # type: ignore[arg-type]
    assert (recognizer.distances(report.dataset.feature(key), person) < 0.6).all()


def test_the_index_is_a_plain_parquet_file(finished: Path) -> None:
    table = pq.read_table(finished / "faces" / "index.parquet")
    assert len(table) == 10
    assert json.loads((finished / "faces" / "dataset.json").read_text())["count"] == 9
