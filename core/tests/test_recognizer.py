"""Who tells people apart: the project's recognizer or the one that is named, never whichever comes first."""

import json
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mien import Box, Extractor, Face, FeatureSet, MienError, PreprocessOptions, Registry, preprocess
from mien.geometry.alignment import AlignmentConfig, align, recut
from mien.media.images import read_image, write_image
from mien.testing.images import portraits, side_by_side
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord, StoredEncoding

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
PLUGINS = Path(__file__).resolve().parents[2] / "tests" / "plugins"

NAMELESS = """
    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_features():
        return [PluginSpec("a_first", "mien_feature_missing:Missing", "does not import", contract=2)]
"""


@pytest.fixture
def install(environment: Any) -> Any:
    """Installs plugins of tests/plugins by their modules' names."""

    def install(*names: str) -> None:
        for name in names:
            environment.install(f"mien-feature-{name}", {f"mien_{name}": (PLUGINS / f"mien_{name}.py").read_text()})

    return install


@pytest.fixture
def everything(install: Any) -> Registry:
    """What is installed, and beside it `aaa` and `angular`."""
    for plugin in ("feature_encoding", "extractor_face_recognition"):
        pytest.importorskip(f"mien_{plugin}")
    install("aaa", "angular")
    return Registry()


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """An image of the astronaut alone."""
    path = tmp_path / "astronaut.png"
    write_image(path, portraits()[0].image, synthetic=None)
    return path


def error_of(call: Any, *arguments: Any, **options: Any) -> MienError:
    with pytest.raises(MienError) as caught:
        call(*arguments, **options)
    return caught.value


# Which one it is


def test_a_feature_of_an_earlier_name_changes_nothing(install: Any) -> None:
    pytest.importorskip("mien_feature_encoding")
    before = Recognizer(Registry()).record
    install("aaa")
    assert Registry().names("feature")[0] == "aaa"
    assert Recognizer(Registry()).record == before
    assert before.choice == "encoding"


def test_another_one_is_taken_if_it_is_named(everything: Registry) -> None:
    recognizer = Recognizer(everything, "angular:least_cosine=0.875")
    assert recognizer.record == RecognizerRecord(
        choice="angular:least_cosine=0.875,numbers=512", distribution="mien-feature-angular", version="1.0"
    )
    assert recognizer.length == 512
    assert recognizer.same_person_below == 0.5


def test_the_only_one_is_taken_where_the_project_s_own_is_not_installed(third_party: Any) -> None:
    recognizer = Recognizer(third_party.registry)
    assert recognizer.key == "surroundings-whole=false"
    assert recognizer.same_person_below == 20.0


def test_of_several_unknown_ones_one_has_to_be_named(third_party: Any, environment: Any, install: Any) -> None:
    install("aaa")
    registry = Registry([EntryPoint("third_party", "third_party", "mien"), *environment.points])
    error = error_of(Recognizer, registry)
    assert "aaa, surroundings" in error.message
    assert error.fix == "--recognizer aaa"
    assert Recognizer(registry, "surroundings").same_person_below == 20.0


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("tint", "tint .* does not tell people apart"),
        ("surroundings+tint", "not one recognizer"),
        ("surrounding", "Did you mean 'surroundings'"),
        ("surroundings:half=true", "no setting 'half'"),
    ],
)
def test_what_is_no_recognizer_is_told(third_party: Any, choice: str, told: str) -> None:
    with pytest.raises(MienError, match=told) as refused:
        Recognizer(third_party.registry, choice)
    assert choice != "tint" or refused.value.fix == "--recognizer surroundings"


def test_a_limit_below_which_nobody_is_is_refused(everything: Registry) -> None:
    error = error_of(Recognizer, everything, "angular:least_cosine=1")
    assert "no distance" in error.message
    assert "mien-feature-angular" in error.fix


def test_without_such_a_feature_the_pip_command_is_said(environment: Any) -> None:
    assert error_of(Recognizer, Registry(environment.points)).fix == "pip install mien-feature-encoding"


def test_a_feature_that_does_not_import_is_skipped_and_named_if_there_is_no_other(environment: Any) -> None:
    environment.install("mien-feature-nameless", {"mien_feature_nameless": NAMELESS})
    with pytest.raises(MienError, match="'a_first' of mien-feature-nameless"):
        Recognizer(Registry(environment.points))


# What it says


def test_encodings_of_crops_and_their_distances(third_party: Any, frames: list[Any]) -> None:
    extractor = third_party.registry.create("extractor", "template")
    recognizer = Recognizer(third_party.registry)
    scenes = [frames[0], frames[1], frames[0] // 2]
    encodings = recognizer.encode([align(scene, extractor.extract(scene)[0].landmarks) for scene in scenes])
    assert encodings.shape == (3, 3)
    distances = recognizer.distances(encodings, encodings[0])
    assert distances[0] == 0
    assert distances[1] < recognizer.same_person_below < distances[2]
    assert distances[2] == pytest.approx(np.sqrt(((encodings[2] - encodings[0]) ** 2).sum()))


@pytest.mark.parametrize("choice", ["encoding", "angular"])
def test_it_tells_two_people_apart(everything: Registry, choice: str) -> None:
    extractor = cast(Extractor, everything.create("extractor", "face_recognition"))
    recognizer = Recognizer(everything, choice)
    reference = recognizer.reference(DATA / "images" / "formats" / "rgb.png", extractor)
    crops = []
    for name in ("formats/dark.jpg", "formats/blur.jpg", "stills/grace_hopper.jpg"):
        image = read_image(DATA / "images" / name)
        crops.append(align(image, extractor.extract(image)[0].landmarks))
    dark, blurred, somebody_else = recognizer.distances(recognizer.encode(crops), reference)
    assert max(dark, blurred) < recognizer.same_person_below < somebody_else


def test_a_cosine_is_a_distance_of_unit_vectors(everything: Registry) -> None:
    recognizer = Recognizer(everything, "angular")
    one, other = recognizer.encode([align(person.image, person.landmarks) for person in portraits()])
    assert np.linalg.norm([one, other], axis=1) == pytest.approx(1, abs=1e-6)
    (distance,) = recognizer.distances(one[None], other)
    assert distance == pytest.approx(np.sqrt(2 - 2 * float(one @ other)), abs=1e-6)
    together = recognizer.mean(np.stack([one, other]))
    assert np.linalg.norm(together) == pytest.approx(1, abs=1e-6), "a plain mean of unit vectors is none"
    near, far = recognizer.distances(np.stack([one, other]), together)
    assert near == pytest.approx(far, abs=1e-6)


# Images of a person


def test_an_image_without_a_face_is_no_reference(third_party: Any) -> None:
    black = DATA / "images" / "formats" / "black.png"
    error = error_of(
        Recognizer(third_party.registry).reference, black, third_party.registry.create("extractor", "template")
    )
    assert f"No face was found in {black}" in error.message
    assert "larger" in error.fix


def test_an_image_of_two_people_is_no_reference(everything: Registry, tmp_path: Path) -> None:
    one, other = (person.image for person in portraits())
    path = tmp_path / "both.png"
    write_image(path, side_by_side(one, other), synthetic=None)
    extractor = cast(Extractor, everything.create("extractor", "face_recognition:search=full"))
    error = error_of(Recognizer(everything).reference, path, extractor)
    assert f"{path} shows 2 faces" in error.message
    places = sorted(int(part.partition(",")[0]) for part in error.message.split("x = ")[1:])
    assert 0 < places[0] < one.shape[1] < places[1] < one.shape[1] + other.shape[1]
    assert error.fix.startswith("Cut out the person")


def test_an_unreadable_reference_is_told_with_its_name(third_party: Any) -> None:
    text = DATA / "images" / "formats" / "text_named.jpg"
    error = error_of(
        Recognizer(third_party.registry).reference, text, third_party.registry.create("extractor", "template")
    )
    assert "text_named.jpg" in error.message and error.fix


def test_a_feature_sees_the_cut_that_it_asks_for(install: Any) -> None:
    install("upright")
    features = FeatureSet("upright", Registry())
    config = AlignmentConfig(template="box", size=48, margin=0.5)
    for person in portraits():
        crop = align(person.image, person.landmarks, AlignmentConfig(size=128, margin=0.8))
        crop = replace(crop, points={"box": crop.landmarks[[0, 16, 16, 0]]})
        (seen,) = features.compute([crop])["upright"]
        wanted = recut(crop, config)
        assert np.array_equal(seen, wanted.image.mean((0, 1), dtype=np.float32))
        (alone,) = features.compute([replace(crop, scene=None)])["upright"]
        assert alone == pytest.approx(seen, abs=2.0), "from the crop alone, which covers it, nearly the same"


def test_a_face_without_the_landmarks_that_the_recognizer_needs_is_no_reference(
    everything: Registry, portrait: Path
) -> None:
    class BoxesAlone:
        def extract(self, image: Any) -> list[Face]:
            return [Face(Box(20.0, 20.0, 90.0, 90.0), None, 0.9)]

    error = error_of(Recognizer(everything).reference, portrait, BoxesAlone())
    assert "landmarks are not known" in error.message and "--extractor" in error.fix


# What was stored


def stored(recognizer: Recognizer, **record: str) -> StoredEncoding:
    return StoredEncoding(
        recognizer=recognizer.record.model_copy(update=record), values=tuple([0.5] * recognizer.length)
    )


def test_what_was_stored_comes_back_by_the_same_recognizer_alone(everything: Registry) -> None:
    dlib, angular, alike = (Recognizer(everything, name) for name in ("encoding", "angular", "angular:numbers=128"))
    assert dlib.stored(stored(dlib), "anna", "make it").tolist() == [0.5] * 128
    for recognizer, encoding, told in (
        (angular, stored(dlib), "128 numbers by encoding .* with the 512 numbers by angular"),
        (alike, stored(dlib), "128 numbers by encoding .* with the 128 numbers by angular"),
        (dlib, stored(dlib, version="0.0.9"), r"0\.0\.9"),
    ):
        with pytest.raises(MienError, match=rf"anna holds an encoding of .*{told}") as caught:
            recognizer.stored(encoding, "anna", "make it")
        assert caught.value.fix == "make it"


@pytest.mark.long
def test_a_dataset_keeps_one_person_by_the_recognizer_that_it_says(
    everything: Registry, portrait: Path, tmp_path: Path
) -> None:
    one, other = (person.image for person in portraits())
    dataset = tmp_path / "anna"
    (dataset / "raw").mkdir(parents=True)
    write_image(dataset / "raw" / "both.png", side_by_side(one, other), synthetic=None)

    def made(**options: Any) -> Any:
        chosen = PreprocessOptions(extractor="face_recognition:search=full", workers=1, **options)
        return preprocess(dataset, options=chosen, registry=everything)

    report = made(keep_person=portrait)
    assert (report.faces, report.reasons) == (1, {"another person": 1}), "by aaa, both would be the same"
    told = json.loads((dataset / "faces" / "dataset.json").read_text())
    assert told["recognizer"]["choice"] == told["keep_person"]["recognizer"]["choice"] == "encoding"
    assert len(told["keep_person"]["values"]) == 128
    assert made().up_to_date and made(recognizer="encoding").up_to_date

    error = error_of(made, recognizer="angular")
    assert "128 numbers by encoding" in error.message and "angular" in error.message
    choice = Recognizer(everything, "angular").record.choice
    assert error.fix == f"mien preprocess {dataset} --again --keep-person IMAGE --recognizer {choice}"
    assert "512 numbers by angular" in error_of(made, recognizer="angular", keep_person=portrait).message
    again = made(again=True, keep_person=portrait, recognizer=choice)
    assert (again.faces, again.dataset.info.recognizer.choice) == (1, choice)
    assert made().up_to_date, "what the dataset was made with goes before the default"


@pytest.mark.long
def test_people_are_grouped_by_the_recognizer_that_is_named(everything: Registry, tmp_path: Path) -> None:
    dataset = tmp_path / "party"
    (dataset / "raw").mkdir(parents=True)
    for number, person in enumerate(portraits()):
        write_image(dataset / "raw" / f"{number}.png", person.image, synthetic=None)
        write_image(dataset / "raw" / f"{number}_darker.png", person.image // 2, synthetic=None)
    settings = PreprocessOptions(extractor="face_recognition", workers=1)

    def groups(recognizer: str | None = None) -> list[str]:
        options = replace(settings, people="recognizer", again=True, recognizer=recognizer)
        made = preprocess(dataset, options=options, registry=everything).dataset
        choice = made.info.recognizer.choice if made.info.recognizer else ""
        assert choice == Recognizer(everything, recognizer).record.choice
        people: list[str] = made.index(["person"])["person"].to_pylist()
        return people

    assert groups() == groups(recognizer="angular") == ["person1", "person1", "person2", "person2"]
    assert groups(recognizer="aaa") == ["person1"] * 4
    error = error_of(preprocess, dataset, options=replace(settings, recognizer="angular"), registry=everything)
    assert "mien-feature-aaa" in error.message
    assert "--again --people recognizer --recognizer angular" in error.fix


@pytest.mark.long
def test_a_recognizer_of_another_version_may_not_add_faces(
    everything: Registry, environment: Any, portrait: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "anna"
    (dataset / "raw").mkdir(parents=True)
    for name in ("one", "two"):
        (dataset / "raw" / f"{name}.png").write_bytes(portrait.read_bytes())
    settings = PreprocessOptions(extractor="face_recognition", workers=1)
    kept = replace(settings, keep_person=portrait, recognizer="angular")
    preprocess(dataset, options=kept, registry=everything)
    (info,) = environment.folder.glob("mien_feature_angular-*")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mien-feature-angular\nVersion: 2.0\n")
    newer = Registry()
    (dataset / "raw" / "two.png").unlink()
    assert preprocess(dataset, options=settings, registry=newer).faces == 1, "nothing new has to be compared"
    (dataset / "raw" / "three.png").write_bytes(portrait.read_bytes())
    error = error_of(preprocess, dataset, options=settings, registry=newer)
    assert "mien-feature-angular 1.0" in error.message and "mien-feature-angular 2.0" in error.message


def test_a_recognizer_without_a_person_to_recognize_is_told(third_party: Any, dataset: Path) -> None:
    error = error_of(third_party.preprocess, dataset, recognizer="surroundings")
    assert "Nothing is asked for" in error.message
    assert error.fix.startswith(f"mien preprocess {dataset} --keep-person IMAGE --recognizer surroundings")
