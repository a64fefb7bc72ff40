"""Whose faces are kept: everybody's, the largest, or those of one person."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import Registry
from mien.dataset.options import PreprocessOptions
from mien.dataset.preprocess import preprocess
from mien.media.video_reader import VideoSource
from mien.tracking.recognizer import Recognizer

from .preprocessing import write
from .sources import DATA


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
