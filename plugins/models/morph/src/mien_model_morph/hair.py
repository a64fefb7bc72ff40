"""Hair over a forehead, a hat, what is seen beside a turned head: none of it goes with a face onto another head."""

from functools import cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.imaging.color import from_lab, to_lab
from mien_model_morph.frame import FRAME_PX, frame_points, outline, regions
from mien_model_morph.light import Light, coarse

_SIDE = FRAME_PX // 2
"""It is looked for on copies of this side."""
_ROUNDS = 4
_FROM, _TIMES_USUAL = 16.0, 3.0
"""What differs from the skin's light by so much, and by so many times what half of the skin does, is none."""
_WEIGHTS = np.array([1.0, 1.5, 1.5], np.float32)
"""Of differences in L, a and b."""
_SMOOTH_PX, _SPECK_PX, _EDGE_PX, _FEATHER_PX = 0.75, 3, 7, 2.5
"""In pixels of the copy; the last one in the frame's."""


def without_hair(texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A face in the common frame with skin where something else lies on forehead and temples: uint8 (256, 256, 3), RGB.

    Skin is what goes on without an edge from cheeks, nose and brows: its light is followed outwards, in rounds. What is
    not reached becomes that light, smooth.
    """
    where = _where()
    lab = to_lab(texture)
    small = _resized(lab, _SIDE)
    smooth = cv2.GaussianBlur(small, (0, 0), _SMOOTH_PX)
    skin = where.core
    for _ in range(_ROUNDS):
        weight = where.skin * skin
        field = Light(coarse(small), coarse(weight)).field(_SIDE)
        off = np.abs(smooth - field) @ _WEIGHTS
        limit = max(_FROM, _TIMES_USUAL * float(np.median(off[weight > 0.99])))
        like = np.where(where.core | (where.face & (off < limit)), 255, 0).astype(np.uint8)
        _, parts = cv2.connectedComponents(like)
        skin = parts == parts[where.inside]
    other = ((off > limit) & where.outer).astype(np.uint8)
    # A spot that skin encloses, as of sweat or a mole, is none that lies over the face from outside.
    _, parts = cv2.connectedComponents(cv2.morphologyEx(other, cv2.MORPH_OPEN, _disk(_SPECK_PX)))
    from_outside = np.isin(parts, parts[~where.face]) & (parts > 0)
    if not (from_outside & where.face).any():
        return texture
    other = cv2.dilate(from_outside.astype(np.uint8), _disk(_EDGE_PX))
    share = cv2.GaussianBlur(_resized(other.astype(np.float32), FRAME_PX), (0, 0), _FEATHER_PX)
    share = share * _resized(where.free, FRAME_PX)
    lab += share[..., None] * (_resized(field, FRAME_PX) - lab)
    return from_lab(lab)


class _Where(NamedTuple):
    """Places of a face, each (128, 128)."""

    skin: NDArray[np.float32]
    """In [0, 1]: how much is skin, if nothing lies on it."""
    face: NDArray[np.bool_]
    core: NDArray[np.bool_]
    """Where nothing ever lies on it: cheeks, nose, the brows."""
    outer: NDArray[np.bool_]
    """Where hair may lie: forehead, temples, beside the cheeks, and outside of the face."""
    free: NDArray[np.float32]
    """0 on brows, eyes and nose, else 1."""
    inside: tuple[int, int]
    """Row and column of a pixel of the core."""


@cache
def _where() -> _Where:
    points = (frame_points() + 0.5) / 2 - 0.5
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    features = np.zeros((_SIDE, _SIDE), np.bool_)
    for part, grow in (
        (slice(17, 22), 5),
        (slice(22, 27), 5),
        (slice(36, 42), 9),
        (slice(42, 48), 9),
        (slice(27, 36), 7),
    ):
        features |= _filled(points[part], grow)
    middle = _filled(points[27:60], 7)
    brow, nose = points[[19, 24], 1].mean(), points[33, 1]
    eyes = np.ptp(points[36:48, 0])
    band = (rows > brow - 2) & (rows < nose + 30) & (np.abs(columns - (_SIDE - 1) / 2) < 0.75 * eyes)
    nose_px = tuple(int(at) for at in points[30][::-1])
    return _Where(
        skin=_resized(np.ascontiguousarray(regions()[..., 0]), _SIDE),
        face=_filled(outline(points), 1),
        core=middle | band,
        outer=~features & ~middle & (rows < nose),
        free=np.asarray(cv2.GaussianBlur((~features).astype(np.float32), (0, 0), 1.0), np.float32),
        inside=(nose_px[0], nose_px[1]),
    )


def _resized(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    smaller = side < image.shape[0]
    return np.asarray(
        cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR), np.float32
    )


def _filled(points: NDArray[np.float64], grow_px: int) -> NDArray[np.bool_]:
    """The hull of some points, and so many pixels around them."""
    hull = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    return cv2.dilate(hull, _disk(grow_px)) > 0


def _disk(diameter_px: int) -> NDArray[np.uint8]:
    return cast(NDArray[np.uint8], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px)))
