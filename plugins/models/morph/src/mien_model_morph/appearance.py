"""How people's faces differ: principal components of texture and shape of some hundred who never existed.

As in T. Cootes, G. Edwards, C. Taylor, Active Appearance Models, IEEE TPAMI 23, 2001, with what expression and pose do
taken out by linear regression before. A few people mixed look like sisters and brothers: the same makeup, brows and
age. Moved along these components they do not. `tools/fit_appearance.py` makes `data/appearance.safetensors`.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from mien_model_morph.frame import FRAME_PX, frame_points, outline, regions
from mien_model_morph.light import Light, coarse

SIDE = 128
"""Side in pixels of the textures that the components are of. What is finer comes from photographs."""
_FILE = "appearance.safetensors"
_LARGER_PX = 14.0
"""What is larger than this, at that side, is light and not looks."""
_WEIGHTS = np.array([1.0, 1.5, 1.5], np.float32)
"""Of differences in L, a and b."""
_COLOR = 0.3
"""How much of the differences in a and b is drawn: of paint on lips and lids, of the light's color, they are most."""
_FARTHEST = 1.7
"""No component counts more than so many standard deviations."""
_FOREHEAD = 34.0, 10.0
"""How far above the brows' landmarks the components fade out, from there on and down to there, pixels of the frame:
above lies hair."""
_PALER = 0.5
"""By how much brows may become paler than they are, of the way to the skin's lightness;"""
_BROW_PX = 14.0
"""so far above their landmarks, in the frame, and half as far below."""
_DIGITS = 2
_STREAM = 1 << 64
"""The random numbers of looks are others than those of mixtures."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """The components, and what they were fitted about."""

    components: NDArray[np.float32]
    """float32 (K, 128, 128, 3): orthonormal, of textures by `looks_of`; the same left and right."""
    spread: NDArray[np.float32]
    """float32 (K,): standard deviations along them."""
    mean: NDArray[np.float32]
    """float32 (128, 128, 3): of a face at rest, by `looks_of`."""
    shapes: NDArray[np.float32]
    """float32 (k, 51, 2): orthonormal, of landmarks 17 to 67 from the front, in distances between the eyes."""
    shape_spread: NDArray[np.float32]
    """float32 (k,)."""

    def drawn(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The looks of a number, in standard deviations: float64 (K,) along the textures, (k,) along the shapes."""
        random = np.random.Generator(np.random.Philox(key=number + _STREAM))
        texture = np.clip(random.standard_normal(len(self.spread)), -_FARTHEST, _FARTHEST)
        return texture, np.clip(random.standard_normal(len(self.shape_spread)), -_FARTHEST, _FARTHEST)

    def moved(
        self, number: int, at_rest: NDArray[np.float32], strength: float, lightness: float = 1.0
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """What makes somebody of a mixture who looks as no other number does.

        number: of the synthetic person, in [0, 2⁶³). at_rest: float32 (256, 256, 3), CIELab: the mixture at rest in
        the common frame. strength: how many standard deviations one is; 0: only the mixture's own looks go.
        lightness: how much of the difference in CIELab's L is drawn.
        Returns what is to be added to the texture, float32 (256, 256, 3), CIELab, and to the landmarks as seen from the
        front, float64 (68, 2), in distances between the eyes. The same number gives the same always.
        """
        along_texture, along_shape = self.drawn(number)
        wanted = strength * self.spread * along_texture
        flat = self.components.reshape(len(self.components), -1)
        has = flat @ (looks_of(at_rest) - self.mean).reshape(-1)
        # Rounded: the last bits of such sums depend on how many threads have added them up.
        along_each = np.round(wanted - has, _DIGITS).astype(np.float32)
        texture = np.round((along_each @ flat).reshape(SIDE, SIDE, 3) / _WEIGHTS, _DIGITS)
        texture *= np.array([lightness, _COLOR, _COLOR])
        large = cast(NDArray[np.float32], cv2.resize(texture, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_CUBIC))
        shape = np.zeros((68, 2))
        shape[17:] = np.tensordot(strength * self.shape_spread * along_shape, self.shapes, 1)
        return _no_paler_brows(large, at_rest) * outside_of_openings(), shape


@cache
def appearance() -> Appearance:
    """The one that comes along."""
    stored = load((resources.files("mien_model_morph") / "data" / _FILE).read_bytes())
    scale = stored["scale"][:, None, None, None]
    half = stored["components"].astype(np.float32) * scale
    components = np.concatenate([half, half[:, :, ::-1]], axis=2)
    mean = stored["mean"].astype(np.float32)
    return Appearance(
        components,
        stored["spread"],
        np.concatenate([mean, mean[:, ::-1]], axis=1),
        stored["shapes"].astype(np.float32),
        stored["shape_spread"],
    )


def _no_paler_brows(added: NDArray[np.float32], at_rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is added to a texture, (256, 256, 3), less what would make it paler than the skin where brows may be: the
    brows of a mixture do not lie where those of the looks do, and between them there would be a pale band."""
    around = Light(coarse(at_rest), _skin()).field(FRAME_PX)[..., 0]
    most = _PALER * np.clip(around - at_rest[..., 0], 0, None)
    result = added.copy()
    result[..., 0] -= at_brows() * np.clip(added[..., 0] - most, 0, None)
    return result


def looks_of(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a texture says how somebody looks: neither light nor what is on one side alone; from brows to chin.

    lab: float32 (256, 256, 3), CIELab, in the common frame. Returns float32 (128, 128, 3), weighted.
    """
    weights = _face()
    rest = cv2.resize(lab - Light(coarse(lab), _skin()).field(FRAME_PX), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    rest = (rest + rest[:, ::-1]) / 2
    around = cv2.GaussianBlur(rest * weights, (0, 0), _LARGER_PX)
    rest = rest - around / (cv2.GaussianBlur(weights[..., 0], (0, 0), _LARGER_PX)[..., None] + np.float32(1e-3))
    return cast(NDArray[np.float32], rest * weights * _WEIGHTS)


@cache
def _face() -> NDArray[np.float32]:
    """How much each pixel counts: float32 (128, 128, 1) in [0, 1], the same left and right."""
    points = frame_points()
    middle = points[27:36].mean(0)
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillConvexPoly(inside, np.round(middle + 0.95 * (outline(points) - middle)).astype(np.int32), 255)
    small = cv2.resize(inside, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    face = cv2.GaussianBlur(small, (0, 0), 2)
    high, low = (float(points[17:27, 1].min()) - above for above in _FOREHEAD)
    rows = (np.arange(SIDE, dtype=np.float32)[:, None] + 0.5) * FRAME_PX / SIDE
    face = face * np.clip((rows - high) / (low - high), 0, 1)
    return np.asarray((face + face[:, ::-1])[..., None] / 2, np.float32)


@cache
def _skin() -> NDArray[np.float32]:
    """What of the frame is skin, as small as light is measured on: float32 (48, 48)."""
    return coarse(np.ascontiguousarray(regions()[..., 0]))


@cache
def at_brows() -> NDArray[np.float32]:
    """1 where brows may be, with what is between and above them: float32 (256, 256)."""
    points = frame_points()
    here = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    up = np.array([0, -_BROW_PX])
    brows = np.concatenate([points[17:27] + up, points[17:27] - up / 2])
    cv2.fillConvexPoly(here, cv2.convexHull(np.round(brows).astype(np.int32)), 255)
    here[int(points[36:48, 1].min()) :] = 0
    return cast(NDArray[np.float32], cv2.GaussianBlur(here.astype(np.float32) / np.float32(255), (0, 0), 3.0))


@cache
def outside_of_openings() -> NDArray[np.float32]:
    """1 but between lids and between lips, where other pictures show other things: float32 (256, 256, 1)."""
    outside = np.full((FRAME_PX, FRAME_PX), 255, np.uint8)
    for opening in (slice(36, 42), slice(42, 48), slice(60, 68)):
        cv2.fillConvexPoly(outside, cv2.convexHull(np.round(frame_points()[opening]).astype(np.int32)), 0)
    soft = cv2.GaussianBlur(cv2.erode(outside, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.5)
    return np.asarray(soft[..., None] / np.float32(255), np.float32)
