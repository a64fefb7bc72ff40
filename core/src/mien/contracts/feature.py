"""Contract: a feature measures something on a face."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.plugin import Plugin


class Feature(Plugin):
    """Measures faces. Several features are joined to the vector that a model draws from."""

    needs_scene: ClassVar[bool] = False
    """Whether `compute` looks at `FaceCrop.scene`. If not, the feature can be computed later from the crops alone."""
    same_person_below: ClassVar[float | None] = None
    """For a feature whose Euclidean distances tell people apart: two faces nearer than this are the same person."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one face's values."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Between which numbers the values lie, nearly always. A feature set maps them to [-1, 1]."""

    @abstractmethod
    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Measure N ≥ 0 faces: float32 (N, *shape). Crops may be of any size; they are left as they were."""
