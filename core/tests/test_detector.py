"""Extractors joined by +: each face once, and its landmarks from whoever knows them."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien import Box, Dataset, ExtractorSet, Face, MienError, PreprocessOptions, Registry, preprocess
from mien.geometry.boxes import box_distance, growth, is_same_face, overlap, united, upright, weighted_mean
from mien.inference.detector import FaceDetector
from mien.media.images import write_image
from mien.testing import no_face, portraits, side_by_side
from mien.workers.threads import Stopwatch

PLUGINS = Path(__file__).resolve().parents[2] / "tests" / "plugins"
ALL_FACES = "face_recognition:search=full,upsample=0"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        yield Registry([*entry_points(group="mien"), EntryPoint("joining", "mien_joining", "mien")])
    sys.modules.pop("mien_joining", None)


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    """Two people side by side."""
    return side_by_side(*(portrait.image for portrait in portraits()))


def apart(face: Face, expected: np.ndarray) -> float:
    eyes = np.linalg.norm(expected[36:42].mean(0) - expected[42:48].mean(0))
    return float(np.linalg.norm(face.landmarks - expected, axis=1).mean() / eyes)


def test_each_adds_the_faces_that_none_before_found(registry: Registry, pair: np.ndarray) -> None:
    assert len(ExtractorSet("left", registry).extract(pair)) == 1
    for text in (f"left+{ALL_FACES}", f"{ALL_FACES}+left", "left+blazeface", f"blazeface+{ALL_FACES}+left"):
        faces = ExtractorSet(text, registry).extract(pair)
        assert len(faces) == 2, text
        assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    assert ExtractorSet("left+blazeface", registry).extract(no_face()) == []


@pytest.mark.parametrize("measurer", [ALL_FACES, "blazeface", "measure_only"])
def test_a_face_without_landmarks_is_measured_by_the_first_that_can(
    registry: Registry, pair: np.ndarray, measurer: str
) -> None:
    assert [face.landmarks for face in ExtractorSet("boxes", registry).extract(pair)] == [None, None]
    faces = sorted(ExtractorSet(f"boxes+{measurer}", registry).extract(pair), key=lambda face: face.box.left)
    first, second = portraits()
    shift = np.array([first.image.shape[1], 0], np.float32)
    assert apart(faces[0], first.landmarks) < 0.15 and apart(faces[1], second.landmarks + shift) < 0.15
    assert all(face.score >= 0.9 for face in faces), "of those who found it, the surest"


def test_an_extractor_without_measure_looks_closer(registry: Registry, pair: np.ndarray) -> None:
    """By its own `extract`: it sees nothing in an image that is not square, but a close-up is."""
    given = ExtractorSet("boxes", registry).extract(pair)
    assert ExtractorSet("squares", registry).extract(pair) == []
    faces = ExtractorSet("boxes+squares", registry).extract(pair)
    assert [face.box for face in faces if face.landmarks is not None] == [face.box for face in given]


def test_the_set_knows_what_it_is_made_of(registry: Registry) -> None:
    chosen = ExtractorSet("boxes+face_recognition:search=full", registry)
    assert chosen.text == "boxes+face_recognition:upsample=1,search=full,max_side_px=1920,min_score=0.5"
    assert ExtractorSet(chosen.text, registry).text == chosen.text
    assert chosen.distribution == "?+mien-extractor-face-recognition"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("left+left", "names the extractor 'left' twice"),
        ("left+rigth", "No extractor named 'rigth'"),
        ("measure_only", "measure_only finds no faces by itself"),
        ("", "No extractor is named"),
        ("nothing", "finds and measures nothing: write extract"),
    ],
)
def test_a_set_that_cannot_be_meant_is_refused(registry: Registry, text: str, reason: str) -> None:
    with pytest.raises(MienError, match=reason) as refused:
        ExtractorSet(text, registry)
    assert refused.value.fix


def test_a_class_says_what_it_can(registry: Registry) -> None:
    boxes, measure_only, both = (registry.create("extractor", name) for name in ("boxes", "measure_only", "blazeface"))
    assert [(one.can_find(), one.can_measure()) for one in (boxes, measure_only, both)] == [
        (True, False), (False, True), (True, True),
    ]  # fmt: skip
    assert measure_only.extract(portraits()[0].image) == []
    with pytest.raises(TypeError, match="Nothing finds and measures nothing: write extract"):
        registry.load("extractor", "nothing")()


@pytest.mark.parametrize("text", ["faulty", "boxes+short_measure"])
def test_what_breaks_the_contract_is_told_with_the_plugins_name(
    registry: Registry, pair: np.ndarray, text: str
) -> None:
    with pytest.raises(MienError, match=f"extractor '?{text.rpartition('+')[2]}"):
        ExtractorSet(text, registry).extract(pair)


def test_threads_find_what_one_finds(registry: Registry, pair: np.ndarray) -> None:
    detector = FaceDetector.open("boxes+blazeface", 3, Stopwatch(), registry)
    expected = ExtractorSet("boxes+blazeface", registry).extract(pair)
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(detector.find, [pair] * 6):
            assert [face.box for face in found] == [face.box for face in expected]
            assert all((one.landmarks == other.landmarks).all() for one, other in zip(found, expected, strict=True))
    assert detector.clock.seconds["extract"] > 0 and threading.active_count() < 20


def test_a_dataset_is_made_with_joined_extractors(registry: Registry, pair: np.ndarray, tmp_path: Path) -> None:
    raw = tmp_path / "pair" / "raw"
    raw.mkdir(parents=True)
    write_image(raw / "pair.png", pair, synthetic=None)
    joined = PreprocessOptions(extractor=f"boxes+{ALL_FACES}", workers=1)
    preprocess(tmp_path / "pair", options=joined, registry=registry)
    dataset = Dataset.open(tmp_path / "pair")
    assert dataset.info.count == 2
    assert dataset.info.extractor.startswith("boxes+face_recognition:") and "+" in dataset.info.extractor_version
    assert all(score > 0.9 for score in dataset.index(["score"])["score"].to_pylist()), "of both, the surer"
    assert preprocess(tmp_path / "pair", options=joined, registry=registry).up_to_date
    with pytest.raises(MienError, match="with the extractor boxes"):
        preprocess(tmp_path / "pair", options=replace(joined, extractor=ALL_FACES), registry=registry)


BOXES = st.builds(
    lambda x, y, width, height, angle: Box(x, y, x + width, y + height, angle),
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.floats(1, 400),
    st.floats(1, 400),
    st.floats(-180, 180),
)


@given(one=BOXES, other=BOXES)
def test_how_boxes_lie_to_each_other_does_not_depend_on_their_order(one: Box, other: Box) -> None:
    assert overlap(one, other) == pytest.approx(overlap(other, one)) and 0 <= overlap(one, other) <= 1.0001
    assert is_same_face(one, one) and is_same_face(one, other) == is_same_face(other, one)
    assert box_distance(one, other) == pytest.approx(box_distance(other, one)) and box_distance(one, one) == 0
    assert growth(one, other) == growth(other, one) >= 1
    both = united(one, other)
    for box in (upright(one), upright(other)):
        assert both.left <= box.left + 1e-3 and both.top <= box.top + 1e-3
        assert both.right >= box.right - 1e-3 and both.bottom >= box.bottom - 1e-3
    middle = weighted_mean([(1.0, one), (1.0, other)])
    assert min(one.left, other.left) - 1e-6 <= middle.left <= max(one.left, other.left) + 1e-6


def test_two_heads_side_by_side_are_two_faces_and_one_head_is_one() -> None:
    features, head = Box(120, 110, 180, 170), Box(100, 70, 200, 190)
    assert is_same_face(features, head)
    assert not is_same_face(features, Box(180, 110, 240, 170))
    assert not is_same_face(Box(0, 0, 400, 400), Box(150, 150, 210, 210)), "a small face before a large one"
