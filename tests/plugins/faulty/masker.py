"""A masker with one fault of many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import FaceCrop, Masker

from .fault import FaultConfig, fail


class FaultyMasker(Masker):
    """The whole crop is face."""

    Config = FaultConfig
    config: FaultConfig

    def mask(self, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
        """See `mien.Masker.mask`."""
        fault = self.config.fault
        fail(fault)
        if fault == "writes":
            crops[0].image[:] = 0
        side = crops[0].size if crops else 0
        masks: Any = np.full((len(crops), side, side), 255, np.uint8)
        answers = {"shape": masks[:, 1:], "dtype": masks > 0, "type": list(masks), "none": None, "ones": masks // 255}
        answer: NDArray[np.uint8] = answers.get(fault, masks)
        return answer
