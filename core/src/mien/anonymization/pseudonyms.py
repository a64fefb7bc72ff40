"""Which synthetic person stands for whom: the same one in all files of a call, and with a key in all calls with it."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from cryptography.fernet import Fernet, InvalidToken
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from mien.counted import counted
from mien.errors import MienError
from mien.inference.target import synthetic_id
from mien.media.files import whole_file
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord

KEY_BYTES = 32
ENCODINGS_KEPT = 8
"""Of each person the encodings of so many files at most are kept."""
_WAIT_SECONDS = 10.0


class Ids(Protocol):
    """The numbers of new synthetic people, in [0, 2⁶³)."""

    def number(self, file: str, person: int, encoding: NDArray[np.float32] | None) -> int:
        """That of somebody who was not there before: their number within a file, and their encoding if it is known."""

    def fingerprint(self) -> bytes:
        """What tells one choice of numbers from another, from which neither can be found."""


@dataclass(frozen=True, slots=True)
class BySeed:
    """Numbers that follow from a seed, the file in which somebody appears first, and their number in it."""

    seed: int

    def number(self, file: str, person: int, encoding: NDArray[np.float32] | None) -> int:
        """See `Ids.number`."""
        return synthetic_id(self.seed, file, person)

    def fingerprint(self) -> bytes:
        """See `Ids.fingerprint`; a seed is no secret."""
        return str(self.seed).encode()


@dataclass(frozen=True, slots=True)
class ByKey:
    """Numbers that follow from a secret key and somebody's first encoding: nobody without the key can tell whose they
    are, and with another key they are others."""

    key: bytes

    def number(self, file: str, person: int, encoding: NDArray[np.float32] | None) -> int:
        """See `Ids.number`. Of somebody without an encoding it follows from the key, the file and the person."""
        who = f"{file}\0{person}".encode("utf-8", "surrogateescape") if encoding is None else encoding.tobytes()
        return int.from_bytes(_derived(self.key, b"mien: synthetic person", who)[:8]) >> 1

    def fingerprint(self) -> bytes:
        """See `Ids.fingerprint`."""
        return _derived(self.key, b"mien: which key", b"")


@dataclass(slots=True)
class _Known:
    id: int
    encodings: list[NDArray[np.float32]]
    """float32 (D,) each: the mean of a file."""


@dataclass(slots=True)
class Pseudonyms:
    """Who has which synthetic person, file after file.

    People are known again by the recognizer: by the median of the distances from the files they were seen in.
    """

    ids: Ids
    recognizer: Recognizer | None
    """What knows people again; None: nobody is."""
    known: list[_Known] = field(default_factory=list)
    remembers: bool = True
    """Whether anybody is known again, in another file or call."""

    def of_file(
        self,
        file: str,
        encodings: Mapping[int, NDArray[np.float32]],
        choose: Callable[[int, int, bool], int] = lambda person, number, is_used: number,
    ) -> dict[int, int]:
        """Person → the number of the synthetic person as whom they are drawn, for people of a file who are all
        different.

        file: its path below the input, with slashes. encodings: person → float32 (K, D); K may be 0: nobody known.
        choose: what makes of a person and their number the number that they have from now on; and whether they were
        drawn by that number before.
        """
        means = {person: self._mean(of_person) for person, of_person in encodings.items()}
        again = self._matches(means)
        numbers: dict[int, int] = {}
        for person, mean in means.items():
            known = again.get(person) or _Known(self.ids.number(file, person, mean), [])
            # A file that is done again, as after an interrupted call, shows whom it showed.
            is_new = mean is None or not any(np.array_equal(mean, one) for one in known.encodings)
            if is_new:
                known.id = choose(person, known.id, person in again)
            if mean is not None:
                if not known.encodings:
                    self.known.append(known)
                if is_new and len(known.encodings) < ENCODINGS_KEPT:
                    known.encodings.append(mean)
            numbers[person] = known.id
        return numbers

    def rename(self, number: int, other: int) -> None:
        """Whoever is drawn by a number is drawn by another one from now on."""
        for known in self.known:
            if known.id == number:
                known.id = other

    def _mean(self, encodings: NDArray[np.float32]) -> NDArray[np.float32] | None:
        return self.recognizer.mean(encodings) if self.recognizer and self.remembers and len(encodings) else None

    def _matches(self, means: Mapping[int, NDArray[np.float32] | None]) -> dict[int, _Known]:
        """Which people are known, nearest pairs first."""
        if self.recognizer is None:
            return {}
        pairs: list[tuple[float, int, int]] = []
        for person, mean in means.items():
            if mean is None:
                continue
            for number, known in enumerate(self.known):
                distance = float(np.median(self.recognizer.distances(np.stack(known.encodings), mean)))
                if distance < self.recognizer.same_person_below:
                    pairs.append((distance, person, number))
        again: dict[int, _Known] = {}
        taken: set[int] = set()
        for _, person, number in sorted(pairs):
            if person not in again and number not in taken:
                again[person] = self.known[number]
                taken.add(number)
        return again


def create_key(path: Path) -> bytes:
    """Make a key of random bytes, in a file that only its owner may read, and return it.

    Raises MienError if there is a file already, or it cannot be written.
    """
    key = secrets.token_bytes(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.urlsafe_b64encode(key) + b"\n")
    except FileExistsError:
        raise MienError(f"{path} is there already; a key is never replaced.", f"--key {path}") from None
    except OSError as error:
        raise MienError(
            f"{path} cannot be written: {error}.", "--new-key FILE, in a folder that may be written"
        ) from error
    return key


def read_key(path: Path) -> bytes:
    """The key of a file. Raises MienError if there is none, or it holds no key."""
    try:
        key = base64.urlsafe_b64decode(path.read_bytes().strip())
    except FileNotFoundError:
        raise MienError(f"There is no key {path}.", f"--new-key {path} makes one.") from None
    except (OSError, ValueError) as error:
        raise MienError(f"{path} cannot be read as a key: {error}.", "--new-key FILE makes one.") from error
    if len(key) != KEY_BYTES:
        raise MienError(
            f"{path} is no key: it holds {counted(len(key), 'byte')}, not {KEY_BYTES}.", "--new-key FILE makes one."
        )
    return key


class _StoredPerson(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int
    encodings: list[list[float]]


class _StoredPeople(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format_version: int = 1
    recognizer: RecognizerRecord
    people: list[_StoredPerson]


@dataclass(frozen=True, slots=True)
class KeyedPeople:
    """The people whom a key has met, in a file beside it, encrypted with it: FILE.people.

    Encodings are personal data: who has the key and this file can tell who was filmed, as far as they have images of
    them. Without the file nobody is known again; without the key it cannot be read. It holds no images and no names.
    FILE.people.lock beside it is empty.
    """

    key_path: Path
    key: bytes
    recognizer: Recognizer

    @property
    def path(self) -> Path:
        """Where they are stored."""
        return self.key_path.with_name(f"{self.key_path.name}.people")

    @contextmanager
    def opened(self) -> Iterator[Pseudonyms]:
        """The people, for one process at a time. They are stored when the block ends, however it ends.

        Raises MienError if the file cannot be read by this key, is of another recognizer, or another process has it.
        """
        lock = FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=_WAIT_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise MienError(
                f"Another process uses the key {self.key_path}.", f"--key {self.key_path}, when that one is done"
            ) from None
        except OSError as error:
            raise MienError(f"{self.path} cannot be locked: {error}.", f"ls -l {self.path.parent}") from error
        try:
            pseudonyms = Pseudonyms(ByKey(self.key), self.recognizer, self._read())
            try:
                yield pseudonyms
            finally:
                self._write(pseudonyms.known)
        finally:
            lock.release()  # its file stays: another process may wait for it

    def _read(self) -> list[_Known]:
        try:
            plain = self._cipher().decrypt(self.path.read_bytes())
            stored = _StoredPeople.model_validate_json(plain)
        except FileNotFoundError:
            return []
        except (InvalidToken, ValidationError, OSError) as error:
            raise MienError(
                f"{self.path} cannot be read by the key {self.key_path}: it is of another key, or damaged.",
                f"Move {self.path} away to begin anew, or take the key that it was made with.",
            ) from error
        if stored.recognizer != self.recognizer.record:
            raise MienError(
                f"{self.path} knows people by {stored.recognizer}, not by {self.recognizer.record}.",
                f"--recognizer {stored.recognizer.choice}, or --new-key FILE",
            )
        return [
            _Known(person.id, [np.array(encoding, np.float32) for encoding in person.encodings])
            for person in stored.people
        ]

    def _write(self, known: Sequence[_Known]) -> None:
        people = [
            _StoredPerson(id=person.id, encodings=[encoding.tolist() for encoding in person.encodings])
            for person in known
        ]
        stored = _StoredPeople(recognizer=self.recognizer.record, people=people)
        with whole_file(self.path) as partial:
            partial.touch(0o600)
            partial.write_bytes(self._cipher().encrypt(stored.model_dump_json().encode()))

    def _cipher(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(_derived(self.key, b"mien: known people", b"")))


def _derived(key: bytes, purpose: bytes, what: bytes) -> bytes:
    """32 bytes for one purpose, from which the key cannot be found: HMAC-SHA256."""
    return hmac.digest(key, purpose + b"\0" + what, hashlib.sha256)
