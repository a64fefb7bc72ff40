"""The run `synthetic`: people who do not exist, each of whom is one person, and no two of whom are the same."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien import Registry, Session, anonymize
from mien.anonymization.methods import default_method
from mien.geometry.alignment import align
from mien.inference.scene import Scene
from mien.inference.target import SyntheticPerson
from mien.media.images import write_image
from mien.testing.images import portraits
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import untracked

PEOPLE = 8


def encodings(method: str, recognizer: Recognizer) -> NDArray[np.float32]:
    """Of the first people of a method over two portraits: float32 (2, `PEOPLE`, D)."""
    registry = Registry()
    session, extractor = Session.open(method, registry=registry), registry.create("extractor", "blazeface")
    result = []
    for portrait in portraits():
        (face,) = untracked(extractor.extract(portrait.image)[:1])
        scenes = [Scene(portrait.image, [face], None, [SyntheticPerson(number)]) for number in range(PEOPLE)]
        with session.redrawn(scenes, 1) as redrawn:
            result.append(recognizer.encode([align(image, face.landmarks) for _, image in redrawn]))
    return np.stack(result)


def alike(found: NDArray[np.float32]) -> float:
    """How near two people over one portrait lie: the median."""
    between = np.linalg.norm(found[:, :, None] - found[:, None], axis=-1)
    return float(np.median(between[:, *np.triu_indices(PEOPLE, 1)]))


def test_faces_are_drawn_by_it_where_nothing_else_is_asked_for() -> None:
    assert default_method(Registry()) == "synthetic"


@pytest.mark.parametrize("choice", ["encoding", "sface"])
def test_two_people_are_less_alike_than_mixtures_are(choice: str) -> None:
    """By the recognizer that its looks were learned by, and by one that took no part."""
    recognizer = Recognizer(Registry(), choice)
    ours, mixtures = encodings("synthetic", recognizer), encodings("morph", recognizer)
    assert alike(ours) > alike(mixtures) + 0.05
    if choice == "sface":
        assert alike(ours) > recognizer.same_person_below


def test_one_person_over_two_heads_is_one_person() -> None:
    recognizer = Recognizer(Registry(), "encoding")
    found = encodings("synthetic", recognizer)
    assert np.median(np.linalg.norm(found[0] - found[1], axis=-1)) < recognizer.same_person_below


def test_it_anonymizes_an_image(tmp_path: Path) -> None:
    write_image(tmp_path / "in.png", portraits()[0].image, synthetic=None)
    report = anonymize(tmp_path / "in.png", tmp_path / "out.png")
    assert report.people == 1 and report.recognizer is not None and report.recognizer.choice == "encoding"
