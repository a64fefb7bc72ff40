"""Preprocessing again: what is new or changed is done, also features that were not asked for before."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import MienError, Registry
from mien.dataset import Dataset
from mien.geometry.alignment import AlignmentConfig

from .preprocessing import Listener, contents, nothing_is_left, write


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
