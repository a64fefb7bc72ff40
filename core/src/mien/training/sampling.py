"""Which faces are trained on, which are held out, and in which order they come.

The order is a function of the seed, the stage and the step alone. So a run that was stopped goes on with exactly the
faces it would have seen, whatever happened in between, and each process of a distributed run takes its own share.
"""

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BINS = 8


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of one dataset: int64, ascending."""

    training: NDArray[np.int64]
    held_out: NDArray[np.int64]


def split(index: pa.Table, share: float) -> Split:
    """Hold out the end of every clip and of every folder of images.

    Neighbouring frames are nearly the same image, so a random choice would put copies of the training faces into the
    validation. index: the faces in the arrays' order, with columns `source` and `frame` (null for an image).
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
    training = np.setdiff1d(np.arange(len(sources)), held)
    return Split(training.astype(np.int64), np.array(sorted(held), np.int64))


class Order:
    """An endless, shuffled order over a dataset's training rows: every row once an epoch."""

    def __init__(self, rows: NDArray[np.int64], *key: int) -> None:
        """key: non-negative numbers that the order depends on, as seed, stage and number of the identity."""
        self._rows = rows
        self._key = key
        self._epoch = -1
        self._shuffled = rows

    def block(self, number: int, size: int) -> NDArray[np.int64]:
        """Rows [number·size, (number+1)·size) of the order; int64 (size,)."""
        count = len(self._rows)
        position, taken = number * size, []
        while size:
            epoch, offset = divmod(position, count)
            part = self._in_epoch(epoch)[offset : offset + size]
            taken.append(part)
            position, size = position + len(part), size - len(part)
        return np.concatenate(taken)

    def _in_epoch(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            generator = np.random.default_rng([*self._key, epoch])
            self._shuffled, self._epoch = generator.permutation(self._rows), epoch
        return self._shuffled


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
