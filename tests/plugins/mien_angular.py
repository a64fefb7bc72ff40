"""A recognizer that goes by the cosine: unit vectors, and a limit that follows from the settings."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien import FaceCrop, Feature, PluginConfig, Registry
from mien.contracts.hooks import PluginSpec, hookimpl


class AngularConfig(PluginConfig):
    """When it is the same person."""

    least_cosine: float = Field(default=0.91, ge=-1, le=1)
    """Two faces whose cosine is larger are one person."""
    numbers: int = Field(default=512, ge=128)
    """How long an encoding is."""


class Angular(Feature):
    """The directions of dlib's encodings, among zeros."""

    Config = AngularConfig
    config: AngularConfig
    needs_scene = True
    bounds = (-0.5, 0.5)

    def __init__(self, config: AngularConfig | None = None) -> None:
        super().__init__(config)
        self._encoding = cast(Feature, Registry().create("feature", "encoding"))
        self.same_person_below = math.sqrt(2 - 2 * self.config.least_cosine)

    @property
    def shape(self) -> tuple[int, ...]:
        """As long as the settings say."""
        return (self.config.numbers,)

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """Vectors of length 1."""
        values = self._encoding.compute(crops)
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        return np.pad(values, ((0, 0), (0, self.config.numbers - values.shape[1])))


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature."""
    return [PluginSpec("angular", "mien_angular:Angular", "dlib's encoding by its direction", contract=2)]
