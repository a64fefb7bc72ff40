from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import MienError, Registry
from mien.geometry.alignment import align
from mien.media.images import read_image
from mien.tracking.recognizer import Recognizer

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"

NAMELESS = """
    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_features():
        return [PluginSpec("a_first", "mien_feature_missing:Missing", "does not import")]
"""


def test_the_first_feature_that_tells_people_apart_is_taken(stranger: Any) -> None:
    recognizer = Recognizer(stranger.registry)
    assert recognizer.key == "surroundings-whole=false"
    assert recognizer.same_person_below == 20.0


def test_encodings_of_crops_and_their_distances(stranger: Any, frames: list[Any]) -> None:
    extractor = stranger.registry.create("extractor", "template")
    recognizer = Recognizer(stranger.registry)
    scenes = [frames[0], frames[1], frames[0] // 2]
    encodings = recognizer.encode([align(scene, extractor.extract(scene)[0].landmarks) for scene in scenes])
    assert encodings.shape == (3, 3)
    distances = recognizer.distances(encodings, encodings[0])
    assert distances[0] == 0
    assert distances[1] < recognizer.same_person_below < distances[2]
    assert distances[2] == pytest.approx(np.sqrt(((encodings[2] - encodings[0]) ** 2).sum()))


def test_an_image_without_a_face_is_no_reference(stranger: Any) -> None:
    black = DATA / "images" / "formats" / "black.png"
    with pytest.raises(MienError, match=r"No face was found in .*black\.png"):
        Recognizer(stranger.registry).reference(black, stranger.registry.create("extractor", "template"))


def test_an_unreadable_reference_is_told_with_its_name(stranger: Any) -> None:
    text = DATA / "images" / "formats" / "text_named.jpg"
    with pytest.raises(MienError, match=r"text_named\.jpg"):
        Recognizer(stranger.registry).reference(text, stranger.registry.create("extractor", "template"))


def test_without_such_a_feature_the_pip_command_is_said(environment: Any) -> None:
    with pytest.raises(MienError) as caught:
        Recognizer(Registry(environment.points))
    assert caught.value.fix == "pip install mien-feature-encoding"


def test_a_feature_that_does_not_import_is_skipped_and_named_if_there_is_no_other(environment: Any) -> None:
    environment.install("mien-feature-nameless", {"mien_feature_nameless": NAMELESS})
    with pytest.raises(MienError, match="'a_first' of mien-feature-nameless"):
        Recognizer(Registry(environment.points))


def test_dlib_s_encoding_tells_two_people_apart() -> None:
    pytest.importorskip("mien_feature_encoding")
    pytest.importorskip("mien_extractor_face_recognition")
    registry = Registry()
    extractor = registry.create("extractor", "face_recognition")
    recognizer = Recognizer(registry)
    reference = recognizer.reference(DATA / "images" / "formats" / "rgb.png", extractor)  # type: ignore[arg-type]
    names = ["formats/dark.jpg", "formats/blur.jpg", "stills/grace_hopper.jpg"]
    crops = []
    for name in names:
        image = read_image(DATA / "images" / name)
        crops.append(align(image, extractor.extract(image)[0].landmarks))  # type: ignore[attr-defined]
    dark, blurred, somebody_else = recognizer.distances(recognizer.encode(crops), reference)
    assert max(dark, blurred) < recognizer.same_person_below < somebody_else
