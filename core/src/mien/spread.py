"""Some of many, spread evenly."""

import numpy as np
from numpy.typing import NDArray


def spread_indices(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of the indices 0 to count − 1, spread evenly: the first, the last, and others between.

    Returns int64 (n,), ascending; all of them if there are no more than that.
    """
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of some rows, int64 (N,), spread evenly over them."""
    return rows[spread_indices(len(rows), most)]
