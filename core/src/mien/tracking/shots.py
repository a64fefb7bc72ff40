"""Where a video is cut: with which frames another shot begins."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage

CHANGE = 25.0
"""Mean difference of two signatures, of 255, from which on they show different scenes: in the clips of tests/data,
frames that follow each other within a shot differ by less than 6, those at a cut by more than 90."""
LASTING_FRAMES = 5
"""If a scene is there again after fewer frames than this, it was not cut: a flash, or a hand before the camera."""
_SIDE = 16


def frame_signature(image: RgbImage) -> NDArray[np.int16]:
    """A frame at a few gray pixels: int16 (256,) in [0, 255]."""
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).reshape(-1).astype(np.int16)


def is_cut(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Whether the signatures of two frames show different scenes."""
    return float(np.abs(one - other).mean()) > CHANGE


def shots_of(signatures: Sequence[NDArray[np.int16]], every: int = 1) -> list[int]:
    """The number of the shot that each frame belongs to, from 0, ascending.

    A cut is where none of the `LASTING_FRAMES` frames before looks like any of as many after. A cross-fade is none:
    what it joins counts as one shot. every: they are of each so many frames alone.
    """
    lasting = -(-LASTING_FRAMES // every)
    shots: list[int] = []
    for index, here in enumerate(signatures):
        begins = index > 0 and is_cut(signatures[index - 1], here) and _lasts(signatures, index, lasting)
        shots.append((shots[-1] if shots else 0) + begins)
    return shots


def _lasts(signatures: Sequence[NDArray[np.int16]], at: int, lasting: int) -> bool:
    before = signatures[max(at - lasting, 0) : at]
    after = signatures[at : at + lasting]
    return all(is_cut(one, other) for one in before for other in after)
