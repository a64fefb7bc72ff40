"""Who the faces of a dataset are, which of a video are one face, and faces of which only the box is known."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien import MienError
from mien.dataset import Dataset
from mien.dataset.index import INDEX_SCHEMA
from mien.dataset.people import follow_boxes
from mien.dataset.scenes import crops_of
from mien.geometry.alignment import AlignmentConfig

from .preprocessing import contents, write

CLIPS = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips"


def tinted(image: Any, red: float, green: float, blue: float) -> Any:
    """The image in another light; the feature `surroundings` takes that for another person."""
    return (image * (red, green, blue)).astype(np.uint8)


@pytest.fixture
def family(frames: list[Any], tmp_path: Path) -> Path:
    """Anna and Ben in a folder each, with subfolders, and an image in none."""
    for number in range(3):
        write(tmp_path / "family" / "raw" / "anna" / "summer" / f"{number}.png", frames[number])
        write(tmp_path / "family" / "raw" / "ben" / f"{number}.png", tinted(frames[number], 1, 0.4, 0.4))
    write(tmp_path / "family" / "raw" / "z.png", frames[4])
    return tmp_path / "family"


def test_one_person_has_the_name_of_the_dataset_wherever_it_is_moved(finished: Path, tmp_path: Path) -> None:
    dataset = Dataset.open(finished)
    assert dataset.people == ("E",)
    assert dataset.person_rows().tolist() == [0] * 9
    assert set(dataset.index(["person"])["person"].to_pylist()) == {"E"}
    assert Dataset.open(Path(shutil.copytree(finished, tmp_path / "Emil"))).people == ("Emil",)


def test_each_subfolder_is_a_person(third_party: Any, family: Path) -> None:
    dataset = third_party.preprocess(family, people="folders").dataset
    assert dataset.people == ("anna", "ben", "family")
    assert dataset.person_rows().tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert dataset.person_rows().dtype == np.int64


def test_subfolders_of_what_is_named_are_people_too(third_party: Any, family: Path, tmp_path: Path) -> None:
    clip = Path(shutil.copy(CLIPS / "single_frame.mp4", tmp_path))
    dataset = third_party.preprocess(tmp_path / "all", people="folders", sources=[family / "raw", clip]).dataset
    assert dataset.people == ("anna", "ben", "all")
    assert dataset.person_rows().tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_people_stay_as_they_are_told_when_images_come_and_go(
    third_party: Any, family: Path, frames: list[Any]
) -> None:
    third_party.preprocess(family, people="folders")
    write(family / "raw" / "aaron" / "0.png", tinted(frames[0], 0.3, 1, 1))
    shutil.rmtree(family / "raw" / "ben")
    dataset = third_party.preprocess(family).dataset
    assert dataset.people == ("aaron", "anna", "family")
    assert dataset.info.people == "folders"


def test_the_recognizer_groups_faces_by_whom_they_look_like(third_party: Any, family: Path, tmp_path: Path) -> None:
    dataset = third_party.preprocess(family, people="recognizer").dataset
    assert dataset.people == ("person1", "person2")
    assert dataset.person_rows().tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert "surroundings-whole=false" in [feature.key for feature in dataset.info.features]
    shutil.copytree(family / "raw", tmp_path / "three" / "raw")
    third_party.preprocess(tmp_path / "three", people="recognizer", workers=3)
    assert contents(tmp_path / "three") == contents(family)


def test_groups_are_told_anew_when_images_come(
    third_party: Any, family: Path, frames: list[Any], tmp_path: Path
) -> None:
    third_party.preprocess(family, people="recognizer")
    write(family / "raw" / "a.png", tinted(frames[0], 0.2, 0.5, 1))
    dataset = third_party.preprocess(family).dataset
    assert dataset.person_rows().tolist() == [0, 1, 1, 1, 2, 2, 2, 1]
    shutil.copytree(family / "raw", tmp_path / "new" / "raw")
    third_party.preprocess(tmp_path / "new", people="recognizer")
    assert contents(tmp_path / "new") == contents(family)


def test_two_faces_of_one_image_are_two_people_even_if_they_look_alike(
    third_party: Any, frames: list[Any], tmp_path: Path
) -> None:
    for number in range(2):
        twice = np.concatenate([frames[number], frames[number]], axis=1)
        write(tmp_path / "raw" / f"{number}.png", twice)
    dataset = third_party.preprocess(tmp_path, people="recognizer").dataset
    assert len(dataset.people) == 2
    first, second = dataset.person_rows().reshape(2, 2)
    assert sorted(first) == sorted(second) == [0, 1]


def test_the_largest_face_of_a_person_can_be_kept_of_each_folder(
    third_party: Any, family: Path, frames: list[Any]
) -> None:
    write(family / "reference.png", frames[5])
    report = third_party.preprocess(
        family, people="folders", keep_person=family / "reference.png", largest=True, features="tint"
    )
    assert report.dataset.people == ("anna", "family")
    assert report.reasons == {"another person": 3}


def test_a_face_of_a_video_is_one_track_however_the_work_is_shared_out(third_party: Any, tmp_path: Path) -> None:
    """The clips have 100 and 48 frames; a worker gets 64 at a time."""
    clips = [CLIPS / "target_E_4s_silent.mp4", CLIPS / "single_frame.mp4"]
    dataset = third_party.preprocess(tmp_path / "one", sources=clips, workers=2).dataset
    tracks = dataset.tracks()
    of_clip = np.array([Path(source).name for source in dataset.index(["source"])["source"].to_pylist()])
    assert set(tracks[of_clip == "target_E_4s_silent.mp4"]) != set(tracks[of_clip == "single_frame.mp4"])
    assert len(set(tracks.tolist())) == 2
    assert tracks.dtype == np.int64


def test_images_have_no_track(finished: Path) -> None:
    assert Dataset.open(finished).tracks().tolist() == [-1] * 8 + [0]
    table = pq.read_table(finished / "faces" / "index.parquet")
    assert table["track"].null_count == 9


def rows(*faces: tuple[str, int | None, tuple[float, float, float, float]]) -> pa.Table:
    source, frame, box = zip(*faces, strict=True)
    schema = pa.schema([INDEX_SCHEMA.field(name) for name in ("source", "frame", "box")])
    return pa.table({"source": source, "frame": frame, "box": [list(sides) for sides in box]}, schema=schema)


def test_faces_are_followed_by_the_boxes_that_overlap_most() -> None:
    left, right = (0, 0, 100, 100), (200, 0, 300, 100)
    moved = rows(
        *[("a", 0, left), ("a", 0, right)],
        *[("a", 1, (210, 0, 310, 100)), ("a", 1, (20, 0, 120, 100))],
        ("a", 6, (30, 0, 130, 100)),  # the other is gone
        ("a", 7, (210, 0, 310, 100)),  # after five frames without it, it comes back
        ("a", 20, (30, 0, 130, 100)),  # far too late
        ("b", 0, left),
        ("c", None, left),
    )
    assert follow_boxes(moved).tolist() == [0, 1, 1, 0, 0, 1, 2, 3, -1]


def test_a_face_somewhere_else_or_of_another_size_is_another() -> None:
    apart = rows(("a", 0, (0, 0, 100, 100)), ("a", 1, (60, 60, 160, 160)), ("a", 2, (60, 60, 90, 90)))
    assert follow_boxes(apart).tolist() == [0, 1, 2]


def test_two_boxes_do_not_go_on_as_one() -> None:
    close = rows(("a", 0, (0, 0, 100, 100)), ("a", 1, (0, 0, 100, 100)), ("a", 1, (5, 0, 105, 100)))
    assert follow_boxes(close).tolist() == [0, 0, 1]


# Faces of which only the box is known


def test_boxes_alone_make_a_dataset(third_party: Any, finished: Path, tmp_path: Path) -> None:
    report = third_party.preprocess(
        tmp_path,
        extractor="boxes",
        features="tint+surroundings",
        sources=[finished / "raw"],
        alignment=AlignmentConfig(template="box", margin=0.3, size=64),
    )
    dataset = report.dataset
    assert report.faces == 9
    assert np.isnan(dataset.landmarks()).all()
    (crop,) = crops_of(dataset, [2])
    assert crop.landmarks is None
    left, top, right, bottom = dataset.index(["box"])["box"][2].as_py()
    sides = np.array([right - left, bottom - top])
    np.testing.assert_allclose(np.ptp(crop.points["box"], axis=0), sides * 64 / 1.6 / sides.max(), atol=0.1)


def test_what_needs_landmarks_drops_faces_without_and_says_why(
    third_party: Any, finished: Path, tmp_path: Path
) -> None:
    for extra, why in (
        ({"features": ""}, "no landmarks: the template landmarks needs them"),
        (
            {"features": "nose", "alignment": AlignmentConfig(template="box")},
            "no landmarks: The feature nose needs landmarks.",
        ),
    ):
        report = third_party.preprocess(tmp_path, extractor="boxes", sources=[finished / "raw"], again=True, **extra)
        assert report.faces == 0
        assert report.reasons == {"no landmarks": 9, "no face": 1}
        assert why in {row["dropped"] for row in report.dataset.dropped().to_pylist()}


def test_a_feature_that_needs_landmarks_cannot_be_added_to_faces_without(
    third_party: Any, finished: Path, tmp_path: Path
) -> None:
    third_party.preprocess(
        tmp_path, extractor="boxes", sources=[finished / "raw"], alignment=AlignmentConfig(template="box")
    )
    with pytest.raises(MienError, match="nose needs landmarks"):
        third_party.preprocess(tmp_path, extractor="boxes", features="nose")


def test_rows_without_a_face_are_lists_of_any_length_in_the_file(finished: Path) -> None:
    """Of lists of a fixed length, readers before pyarrow 26 refuse a file in which one is null."""
    schema = pq.read_schema(finished / "faces" / "index.parquet")
    assert schema.field("box").type == pa.list_(pa.float64())
    table = pq.read_table(finished / "faces" / "index.parquet")
    assert table["box"].null_count == table["to_crop"].null_count == 1
