"""A feature with one fault of many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Feature

from .fault import FaultConfig, fail


class FaultyFeature(Feature):
    """Two zeros for each face."""

    Config = FaultConfig
    config: FaultConfig

    @property
    def shape(self) -> tuple[int, ...]:
        """(2,), or none."""
        answers: dict[str, Any] = {"shape of a number": 2, "shape of nothing": (0,)}
        shape: tuple[int, ...] = answers.get(self.config.fault, (2,))
        return shape

    @property
    def bounds(self) -> tuple[float, float]:
        """(0, 1), or what holds nothing."""
        return (1.0, 1.0) if self.config.fault == "bounds" else (0.0, 1.0)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `mien.Feature.compute`."""
        fault = self.config.fault
        fail(fault)
        if fault == "writes":
            crops[0].mask[:] = 0
        values: Any = np.zeros((len(crops), 2), np.float32)
        if fault == "not finite":
            values[1, 1] = np.inf
        answers = {"shape": values[:, :1], "dtype": values.astype(float), "type": values.tolist(), "none": None}
        answer: NDArray[np.float32] = answers.get(fault, values)
        return answer
