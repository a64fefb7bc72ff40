"""Contract: a feature measures something on a face."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.plugin import Plugin

if TYPE_CHECKING:  # listing and loading features needs neither
    from torch import nn

    from mien.geometry.alignment import AlignmentConfig


class Feature(Plugin):
    """Measures faces. Several features are joined to the vector that a model draws from.

    Each attribute is one of the class, of the instance, or a property: it may follow from the settings.
    """

    alignment: "AlignmentConfig | None" = None
    """The cut that `compute` and `network` need, if not any will do; None: any will."""
    network_alignment: "AlignmentConfig | None" = None
    """The cut that `network` needs, if `compute` makes that cut itself; None: `alignment`."""
    needs_scene: bool = False
    """Whether `compute` looks at `FaceCrop.scene`. If not, the feature can be computed later from the crops alone."""
    same_person_below: float | None = None
    """For a feature that tells people apart, and so can be the recognizer: two faces whose values lie nearer to each
    other than this are the same person.

    The distance is Euclidean. One that goes by the cosine returns vectors of length 1: their distance is
    √(2 − 2·cosine), so a least cosine c is the limit √(2 − 2·c).
    """

    value_names: tuple[str, ...] = ()
    """What each of its values is called, in the order of a flattened row; (): they have no names. A feature that has
    those of ARKit's blendshapes (jawOpen, eyeBlinkLeft, …) can judge expressions."""

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

    def network(self) -> "nn.Module | None":
        """The same as `compute`, as a network that a loss can take gradients through; None: there is none.

        It maps images, float32 (N, 3, s, s) in [-1, 1], RGB, cut as `network_alignment` or
        `alignment` says, to float32 (N, *shape) in the
        feature's own units. It is in evaluation mode, and none of its parameters asks for a gradient.
        """
        return None
