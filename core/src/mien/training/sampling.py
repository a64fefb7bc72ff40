"""Which faces are trained on, which are held out, and which come together in a step.

The order is a function of the seed, the stage and the step alone. So a run that was stopped goes on with exactly the
faces it would have seen, whatever happened in between, and each process of a distributed run takes its own share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mien.contracts.model import Sampling
from mien.counted import counted
from mien.errors import MienError

_BINS = 8


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of one dataset: int64, ascending."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


def split(index: pa.Table, share: float, people: NDArray[np.int64] | None = None) -> Split:
    """Hold out the end of every clip and of every folder of images, and whole people if there are many.

    Neighboring frames are nearly the same image, so a random choice would put copies of the training faces into the
    validation. index: the faces in the arrays' order, with columns `source` and `frame` (null for an image). people:
    int64 (N,), the number of each face's person; None: no person is held out. Of 1/share people or more, every so
    many-th is held out with all their faces.
    """
    sources = index["source"].to_pylist()
    frames = index["frame"].to_pylist()
    groups: dict[str, list[int]] = {}
    for row, (source, frame) in enumerate(zip(sources, frames, strict=True)):
        group = source if frame is not None else str(PurePath(source).parent)
        groups.setdefault(group, []).append(row)
    held: list[int] = []
    for rows in groups.values():
        held += rows[len(rows) - int(share * len(rows)) :]
    if people is not None and share > 0 and len(numbers := np.unique(people)) * share >= 1:
        step = round(1 / share)
        held += np.flatnonzero(np.isin(people, numbers[step - 1 :: step])).tolist()
    training = np.setdiff1d(np.arange(len(sources)), held)
    return Split(training.astype(np.int64), np.unique(np.array(held, np.int64)))


class Order:
    """An endless, shuffled order over some rows: every row once an epoch."""

    def __init__(self, rows: NDArray[np.int64], *key: int) -> None:
        """key: non-negative numbers that the order depends on, as seed, stage and number of the person."""
        self._rows = rows
        self._key = key
        self._epoch = -1
        self._shuffled = rows

    def block(self, number: int, size: int) -> NDArray[np.int64]:
        """Rows [number·size, (number+1)·size) of the order; int64 (size,)."""
        return np.array([self.at(place) for place in range(number * size, (number + 1) * size)], np.int64)

    def at(self, place: int) -> int:
        """The row at a place of the order."""
        epoch, offset = divmod(place, len(self._rows))
        if epoch != self._epoch:
            generator = np.random.default_rng([*self._key, epoch])
            self._shuffled, self._epoch = generator.permutation(self._rows), epoch
        return int(self._shuffled[offset])


class StepSampler:
    """Which faces are in each step of a stage.

    rows: person after person, the rows to train on, with repetitions where a face is to come oftener. key: seed, stage
    and whatever else the order depends on. Raises MienError for an odd batch that is to be of pairs.
    """

    def __init__(self, sampling: Sampling, rows: Sequence[NDArray[np.int64]], batch_size: int, *key: int) -> None:
        if sampling == "pairs" and batch_size % 2:
            raise MienError(
                f"A batch of {counted(batch_size, 'face')} is not made of pairs.",
                f"--set model.batch_size={batch_size + 1}",
            )
        self._sampling, self._batch_size, self._key = sampling, batch_size, key
        self._rows = [of_person for of_person in rows if len(of_person)]
        everybody = np.concatenate(self._rows)
        self._uniform = Order(everybody, *key, 0)
        self._people = Order(np.arange(len(self._rows)), *key, len(self._rows))
        self._of_person = [Order(of_person, *key, number) for number, of_person in enumerate(self._rows)]

    def rows(self, number: int) -> NDArray[np.int64]:
        """The rows of a step: int64 (batch_size,). number: of the step, counted over all processes."""
        if self._sampling == "uniform":
            return self._uniform.block(number, self._batch_size)
        if self._sampling == "balanced":
            first = number * self._batch_size
            return np.array([self._balanced(place)[1] for place in range(first, first + self._batch_size)], np.int64)
        half = self._batch_size // 2
        pairs = [self._pair(place) for place in range(number * half, (number + 1) * half)]
        return np.array(pairs, np.int64).reshape(-1)

    def _balanced(self, place: int) -> tuple[int, int]:
        """Person and row: in every round each person comes once, each of their faces once an epoch."""
        person = self._people.at(place) if len(self._rows) > 1 else 0
        return person, self._of_person[person].at(place // len(self._rows))

    def _pair(self, place: int) -> tuple[int, int]:
        """Two faces of one person; of somebody with a single face that one twice."""
        person, first = self._balanced(place)
        others = self._rows[person][self._rows[person] != first]
        if not len(others):
            return first, first
        chosen = np.random.default_rng([*self._key, place]).integers(len(others))
        return first, int(others[chosen])


def repeat_rare(rows: NDArray[np.int64], measures: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Let rare faces come oftener in an epoch: rows with repetitions.

    rows: int64 (n,). measures: float64 (n, M), what a face is rare by, such as how far its mouth is open. The values of
    each measure between its 1st and 99th percentile fall into bins of equal width, those beyond into the outer ones.
    A face is as rare as its rarest measure, 1 / (its bin's share · bins). It comes so many times, 1 to `most`.
    """
    if most == 1 or len(rows) == 0:
        return rows
    rareness = np.zeros(len(rows))
    for values in measures.T:
        low, high = np.percentile(values, [1, 99])
        if high > low:
            bins = np.clip(((values - low) / (high - low) * _BINS).astype(np.int64), 0, _BINS - 1)
            rareness = np.maximum(rareness, len(rows) / (np.bincount(bins, minlength=_BINS)[bins] * _BINS))
    repeats = np.clip(np.rint(rareness), 1, most).astype(np.int64)
    return np.repeat(rows, repeats)
