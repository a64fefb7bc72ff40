"""Mean and covariance of a feature over a dataset, gathered a few rows at a time."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.dataset.npy import read_rows

_ROWS_AT_ONCE = 1024


class Moments:
    """Streams rows of D values into their mean and covariance.

    Blocks are merged pairwise in float64 (Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for
    computing sample variances"), which loses nothing to cancellation as sums of squares would.
    """

    def __init__(self, dimensions: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(dimensions)
        """float64 (D,); zeros before the first row."""
        self._scatter: NDArray[np.float64] = np.zeros((dimensions, dimensions))

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows, (n, …), flattened to (n, D)."""
        if not len(rows):
            return
        values = rows.reshape(len(rows), -1).astype(np.float64)
        mean = values.mean(0)
        values -= mean
        self._take_in(len(values), mean, values.T @ values)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """float64 (D, D), the scatter over N − 1 as `numpy.cov` has it; zeros for fewer than two rows."""
        return self._scatter / max(self.count - 1, 1)

    def _take_in(self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        total = self.count + count
        shift = mean - self.mean
        self._scatter += scatter + np.outer(shift, shift) * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total


def moments_of(file: Path, count: int, dimensions: int) -> Moments:
    """Mean and covariance of an .npy file's N rows of D values.

    Always gathered in the same blocks, so that the same rows have the same moments to the last bit.
    """
    moments = Moments(dimensions)
    for start in range(0, count, _ROWS_AT_ONCE):
        moments.add(read_rows(file, range(start, min(start + _ROWS_AT_ONCE, count))))
    return moments
