"""What a pool and its worker processes say to each other."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from mien.errors import MienError

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Request:
    """A call to make."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    streams: bool
    """Whether the function takes a further argument: what sends a message while it runs."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that is to be known before the call is done."""

    value: Any


@dataclass(frozen=True, slots=True)
class Done:
    """What a call has returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class UserError:
    """Something the user has to mend, as in MienError."""

    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class WorkerCrash:
    """A defect."""

    traceback: str


Outcome: TypeAlias = Done | UserError | WorkerCrash


def result_of(outcome: Outcome) -> Any:
    """What the call has returned. Raises MienError or, for a defect, RuntimeError with the worker's traceback."""
    match outcome:
        case UserError(message, fix):
            raise MienError(message, fix)
        case WorkerCrash(traceback):
            raise RuntimeError(f"A worker process failed:\n{traceback}")
        case Done(value):
            return value


def pickled(thing: object) -> bytes:
    """A thing as bytes."""
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


def write_frame(stream: BinaryIO, frame: bytes) -> None:
    """Send bytes with their length before them. Raises BrokenPipeError if nobody reads."""
    stream.write(len(frame).to_bytes(_LENGTH_BYTES, "little"))
    stream.write(frame)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes:
    """Receive what `write_frame` sends. Raises EOFError if the other side is gone."""
    return _read(stream, int.from_bytes(_read(stream, _LENGTH_BYTES), "little"))


def _read(stream: BinaryIO, count: int) -> bytes:
    read = stream.read(count)
    if len(read) < count:
        raise EOFError
    return read
