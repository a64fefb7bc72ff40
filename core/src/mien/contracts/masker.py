"""Contract: a masker says what of a crop is face."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop
from mien.contracts.plugin import Plugin
from mien.geometry.alignment import AlignmentConfig


class Masker(Plugin):
    """Says what of a crop is face, or what stands in front of it. Several are joined with `+`.

    The mask is the union of those that add, less what those that subtract see. Each attribute is one of the class, of
    the instance, or a property: it may follow from the settings. An instance is used by one thread at a time.
    """

    needs_scene: bool = False
    """Whether `mask` looks at `FaceCrop.scene`."""
    subtracts: bool = False
    """Whether it says what stands in front of the face, as a hand does; that is taken away from what others add."""
    thin: bool = False
    """Of one that subtracts: whether what it sees is thin, as the rims of glasses are. Blenders shrink a mask and let
    it fade, which would uncover as much again on both sides of it; so the scene itself is laid over the new face there,
    as much as the mask says and no wider."""
    seldom: int = 1
    """Of one that subtracts: what it sees is seldom there, and then for longer than so many frames. In a video it is
    asked about one frame in so many, and about those between two if it sees something in one of them. 1: about all."""
    alignment: AlignmentConfig | None = None
    """The cut that it needs, if that is another than the crops'; None: whatever they were cut by. The core cuts anew,
    and brings the masks back."""

    @abstractmethod
    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """Masks of N ≥ 0 crops of one side S: uint8 (N, S, S); 255 is face, or, if it subtracts, what stands in front.

        The crops are left as they were, and their own masks mean nothing. A face may be without landmarks (None).
        """
