"""A feature that counts nothing, with settings of each sort."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mien import FaceCrop, Feature, PluginConfig


class FrecklesConfig(PluginConfig):
    """How freckles are counted."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"limit": 5, "colors": ("red",)}}

    limit: int | None = Field(default=100, ge=1, lt=500)
    """Counting stops
    here."""
    where: Literal["nose", "cheeks", 3] = "nose"
    """Where to look."""
    colors: tuple[str, ...] = ("red", "brown")
    strict: bool = False
    share: float = 1.0


class Freckles(Feature):
    """None, on any face."""

    Config = FrecklesConfig
    config: FrecklesConfig

    @property
    def shape(self) -> tuple[int, ...]:
        """(1,)."""
        return (1,)

    @property
    def bounds(self) -> tuple[float, float]:
        """From none to the limit."""
        return (0.0, float(self.config.limit or 1))

    def compute(self, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
        """See `Feature.compute`."""
        return np.zeros((len(crops), 1), np.float32)
