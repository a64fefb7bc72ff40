"""What comes of images and videos that are preprocessed for the first time."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mien import MienError, Registry
from mien.dataset import Dataset
from mien.dataset.options import PreprocessOptions, dataset_alignment
from mien.dataset.preprocess import preprocess
from mien.geometry.alignment import AlignmentConfig

from .preprocessing import Listener, contents, likeness, nothing_is_left, write
from .sources import DATA


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
        "no_mask": 0,
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


def test_the_dataset_s_own_crops_are_no_sources(third_party: Any, dataset: Path) -> None:
    report = third_party.preprocess(dataset, sources=[dataset], again=True)
    assert report.images_done == 10
    assert third_party.preprocess(dataset, sources=[dataset]).up_to_date


def test_a_video_is_cut_into_chunks_and_put_together_in_order(third_party: Any, tmp_path: Path) -> None:
    report = third_party.preprocess(tmp_path, sources=[DATA / "clips" / "target_E_4s_silent.mp4"], workers=2)
    index = report.dataset.index(["frame", "pts"])
    assert index.column("frame").to_pylist() == list(range(100))
    pts = index.column("pts").to_pylist()
    assert pts == sorted(set(pts))


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


def test_the_index_is_a_plain_parquet_file(finished: Path) -> None:
    table = pq.read_table(finished / "faces" / "index.parquet")
    assert len(table) == 10
    assert json.loads((finished / "faces" / "dataset.json").read_text())["count"] == 9
