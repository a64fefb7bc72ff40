"""The same person, the same synthetic person: over the files of a call, and with a key over calls."""

import stat

import numpy as np
import pytest

from mien import MienError
from mien.anonymization.pseudonyms import BySeed, KeyedPeople, Pseudonyms, create_key, read_key
from mien.inference.target import synthetic_id
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(Registry(), "encoding")  # the same person below 0.6


def at(*places: float) -> np.ndarray:
    """Encodings of length 1, so far apart along a circle."""
    encodings = np.zeros((len(places), 128), np.float32)
    encodings[:, 0], encodings[:, 1] = np.cos(places), np.sin(places)
    return encodings


NOBODY = np.zeros((0, 0), np.float32)


def test_a_person_of_another_file_is_the_same_and_others_are_others(recognizer):
    pseudonyms = Pseudonyms(BySeed(7), recognizer)
    first = pseudonyms.of_file("a.png", {0: at(0.0), 1: at(2.0)})
    assert first == {0: synthetic_id(7, "a.png", 0), 1: synthetic_id(7, "a.png", 1)}
    second = pseudonyms.of_file("b.mp4", {0: at(2.1, 2.2), 1: at(1.0), 3: at(0.1), 4: NOBODY})
    assert (second[0], second[3]) == (first[1], first[0])
    assert second[1] == synthetic_id(7, "b.mp4", 1) and second[4] == synthetic_id(7, "b.mp4", 4)
    assert pseudonyms.of_file("c.png", {0: at(1.05)})[0] == second[1]


def test_whoever_gets_another_number_keeps_that_one(recognizer):
    pseudonyms, asked = Pseudonyms(BySeed(7), recognizer), []

    def choose(person, number, is_used):
        asked.append((person, number, is_used))
        return number + 1 if is_used else number

    first = pseudonyms.of_file("a.png", {0: at(0.0)}, choose)
    second = pseudonyms.of_file("b.png", {0: at(0.1)}, choose)
    assert second[0] == first[0] + 1
    assert pseudonyms.of_file("c.png", {0: at(0.05)}, lambda person, number, is_used: number) == second
    assert asked == [(0, first[0], False), (0, first[0], True)]
    assert pseudonyms.of_file("b.png", {0: at(0.1)}, choose) == second, "a file that is done again is as it was"
    assert len(asked) == 2


def test_two_faces_of_one_file_are_never_one_person(recognizer):
    pseudonyms = Pseudonyms(BySeed(7), recognizer)
    first = pseudonyms.of_file("a.png", {0: at(0.0)})
    twins = pseudonyms.of_file("b.png", {0: at(0.2), 1: at(0.1)})
    assert twins[1] == first[0] and twins[0] != first[0]


def test_with_a_key_people_are_the_same_in_another_call_and_with_another_key_others(recognizer, tmp_path):
    path, other_path = tmp_path / "project.key", tmp_path / "other.key"
    key, other_key = create_key(path), create_key(other_path)
    assert read_key(path) == key and len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, "nobody else may read it"
    with KeyedPeople(path, key, recognizer).opened() as people:
        first = people.of_file("a.png", {0: at(0.0), 1: NOBODY})
    with KeyedPeople(path, key, recognizer).opened() as people:
        again = people.of_file("elsewhere.mp4", {0: at(2.0), 1: at(0.1)})
    assert again[1] == first[0] and again[0] != first[0]
    with KeyedPeople(other_path, other_key, recognizer).opened() as people:
        others = people.of_file("a.png", {0: at(0.0), 1: NOBODY})
    assert others[0] != first[0] and others[1] != first[1]


def test_what_is_stored_beside_a_key_is_encrypted_and_read_by_that_key_alone(recognizer, tmp_path):
    path = tmp_path / "project.key"
    keyed = KeyedPeople(path, create_key(path), recognizer)
    with keyed.opened() as people:
        people.of_file("a.png", {0: at(0.25)})
    stored = keyed.path.read_bytes()
    assert b"0.9689" not in stored and b"encodings" not in stored and b"a.png" not in stored
    assert (tmp_path / "project.key.people.lock").read_bytes() == b""
    with (
        pytest.raises(MienError, match="it is of another key, or damaged"),
        KeyedPeople(path, bytes(32), recognizer).opened(),
    ):
        pass
    assert keyed.path.read_bytes() == stored


def test_a_key_is_never_replaced_and_what_is_none_is_refused(tmp_path):
    path = tmp_path / "project.key"
    with pytest.raises(MienError, match="There is no key") as missing:
        read_key(path)
    assert "--new-key" in missing.value.fix
    create_key(path)
    with pytest.raises(MienError, match="is there already"):
        create_key(path)
    path.write_bytes(b"short")
    with pytest.raises(MienError, match=r"is no key|cannot be read as a key"):
        read_key(path)


def test_whoever_came_before_an_interruption_is_remembered(recognizer, tmp_path):
    path = tmp_path / "project.key"
    keyed = KeyedPeople(path, create_key(path), recognizer)
    with pytest.raises(KeyboardInterrupt), keyed.opened() as people:
        first = people.of_file("a.png", {0: at(0.0)})
        raise KeyboardInterrupt
    with keyed.opened() as people:
        assert people.of_file("b.png", {0: at(0.1)}) == first
