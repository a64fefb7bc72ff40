"""What is learned of each person beside their photographs: lightness of the texture, and where features lie."""

from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mien.geometry.pose import mean_shape
from mien_model_morph.appearance import at_brows, outside_of_openings
from mien_model_morph.frame import FRAME_PX, RIGID, Pose, frame_points, regions
from mien_model_morph.model import Person

_BROWS, _NOSE = (slice(17, 22), slice(22, 27)), slice(27, 36)
_EYES, _MOUTH = (slice(36, 42), slice(42, 48)), slice(48, 68)
_FEATURES: tuple[tuple[tuple[slice, ...], str], ...] = (
    (_BROWS, "xyzw"),
    (_EYES, "xyz"),
    ((_NOSE,), "yzwh"),
    ((_MOUTH,), "yz"),
)
"""What moves as a whole, and how: to the right (those of the left side of the image to the left), down, to the back, by
a wider and by a higher shape. Lids and lips do not come apart: that is what a face does, and not who it is."""
_BETWEEN_PX = 6.0
"""How much of each brow's inner end is not between both, in the frame."""
_JAW_IN, _ABOVE_BROWS_PX, _SOFT_PX = 0.82, 6.0, 6.0
"""Lightness is learned from above the brows to inside of the jaw: around that, the driving head's skin begins."""


class Maps(nn.Module):
    """From numbers to what is drawn: a lightness, added to the common frame, and how far each feature lies elsewhere.

    Both are the same left and right, and lightness has nothing smooth: light is the scene's. Brows are only made
    darker: lighter ones, and what is lighter around them, look painted. What is between them does not become darker:
    brows that meet, or pieces of them above the nose, are what recognizers tell people apart by first.
    """

    _at_brows: Tensor
    _between: Tensor
    _basis: Tensor
    _where: Tensor
    _smooth: Tensor

    def __init__(self, side: int) -> None:
        """side: of a lightness as it is learned, in pixels; it is enlarged smoothly to the frame's 256."""
        super().__init__()
        brows = (at_brows() + at_brows()[:, ::-1]) / 2
        self.register_buffer("_at_brows", torch.from_numpy(brows), persistent=False)
        self.register_buffer("_between", torch.from_numpy(_between_brows()), persistent=False)
        self.register_buffer("_basis", torch.from_numpy(_moves()), persistent=False)
        self.register_buffer("_where", torch.from_numpy(_where()), persistent=False)
        self.register_buffer("_smooth", torch.from_numpy(_smooth(side)), persistent=False)

    @property
    def moves(self) -> int:
        """How many numbers say where the features lie."""
        return len(self._basis)

    def lightness(self, half: Tensor) -> Tensor:
        """CIELab's L to be added in the common frame: float32 (N, 1, 256, 256).

        half: (N, side, side / 2), of the left half.
        """
        whole = torch.cat([half, half.flip(2)], dim=2).flatten(1)
        fitted, smooth = self._smooth
        whole = (whole - whole @ fitted.T @ smooth).unflatten(1, (half.shape[1], -1))[:, None]
        large = interpolate(whole, size=(FRAME_PX, FRAME_PX), mode="bicubic") * self._where
        large = large - self._at_brows * large.relu()
        return large + self._between * (-large).relu()

    def shape(self, moves: Tensor) -> Tensor:
        """How far landmarks are moved: float32 (N, 68, 3), in distances between the eyes, in the head's own axes.

        moves: (N, `moves`).
        """
        shape: Tensor = torch.tensordot(moves, self._basis, dims=1)
        return shape


class Looks(nn.Module):
    """The looks of each person of a run, learned number by number; at first 0."""

    def __init__(self, people: int, side: int) -> None:
        """side: see `Maps`."""
        super().__init__()
        self.maps = Maps(side)
        self.left = nn.Parameter(torch.zeros(people, side, side // 2))
        self.moves = nn.Parameter(torch.zeros(people, self.maps.moves))

    def forward(self, people: Tensor) -> tuple[Tensor, Tensor]:
        """Lightness and shape, as of `Maps`, for numbers of people, int64 (N,)."""
        return self.maps.lightness(self.left[people]), self.maps.shape(self.moves[people])


def penalties(lightness: Tensor, shape: Tensor, *, smooth: float, little: float, still: float) -> dict[str, Tensor]:
    """What keeps looks natural: scalars by name, weighted.

    lightness, shape: as of `Maps`. smooth: of the mean squared difference of neighboring pixels. little: of the mean
    square. still: of the shape's.
    """
    across, down = lightness.diff(dim=3).square().mean(), lightness.diff(dim=2).square().mean()
    return {
        "smooth": smooth * (across + down),
        "little": little * lightness.square().mean(),
        "still": still * shape.square().mean(),
    }


class LearnedPerson:
    """Somebody as photographs show them, with looks added."""

    def __init__(self, filmed: Person, lightness: NDArray[np.float32], shape: NDArray[np.float32]) -> None:
        """filmed: by the photographs. lightness: (256, 256), and shape: (68, 3), as of `Maps`."""
        self._filmed, self._lightness, self._shape = filmed, lightness, shape

    def points(self, landmarks: NDArray[np.float64], frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
        """See `Person.points`."""
        moved: NDArray[np.float64] = pose.scale * self._shape @ pose.turn[:2].T
        return self._filmed.points(landmarks, frontal, pose) + moved

    def texture(self, frontal: NDArray[np.float64], pose: Pose) -> NDArray[np.float32]:
        """See `Person.texture`."""
        texture = self._filmed.texture(frontal, pose)
        texture[..., 0] += self._lightness
        return texture


@cache
def _moves() -> NDArray[np.float32]:
    """What each of the moves does to the landmarks: float32 (K, 68, 3)."""
    shape, moves = mean_shape(), []
    for sides, ways in _FEATURES:
        for way in ways:
            move = np.zeros((68, 3))
            for points, sign in zip(sides, (-1, 1) if len(sides) == 2 else (1,), strict=True):
                centered = shape[points] - shape[points].mean(0)
                if way in "xyz":
                    move[points, "xyz".index(way)] = sign if way == "x" else 1
                else:
                    axis = "wh".index(way)
                    move[points, axis] = centered[:, axis]
            moves.append(move)
    return _without_turns(np.array(moves)).astype(np.float32)


def _without_turns(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of moves, (K, 68, 3), when the points that a pose is told by neither turn nor grow together.

    A nose moved up is a head that looks up, to whoever measures it: who is drawn must not change where they look.
    """
    points = mean_shape()[RIGID] - mean_shape()[RIGID].mean(0)
    x, y, z = points.T
    nothing = np.zeros_like(x)
    turned = [np.stack(by, axis=1) for by in ((nothing, -z, y), (z, nothing, -x), (-y, x, nothing))]
    as_one = np.stack([*turned, points]).reshape(4, -1)
    centered = moves[:, RIGID] - moves[:, RIGID].mean(1, keepdims=True)
    seen = centered.reshape(len(moves), -1) @ as_one.T  # (K, 4)
    # What is left of each move, and not any basis of what is left: that would be another one with each LAPACK.
    left = np.eye(len(moves)) - seen @ np.linalg.pinv(seen, rcond=1e-6)
    return np.tensordot(left, moves, 1)


@cache
def _smooth(side: int) -> NDArray[np.float32]:
    """What is smooth over the skin is light, and becomes the scene's: float32 (2, 6, side²).

    The first makes of a lightness the six coefficients of its polynomial of second order, by least squares over the
    skin; the second makes the polynomial of them.
    """
    line = np.linspace(-1, 1, side)
    y, x = (axis.reshape(-1) for axis in np.meshgrid(line, line, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    skin = regions()[..., 0]
    both = np.ascontiguousarray(skin + skin[:, ::-1])
    weighted = terms * cv2.resize(both, (side, side), interpolation=cv2.INTER_AREA).reshape(-1)
    return np.stack([np.linalg.solve(weighted @ terms.T, weighted), terms]).astype(np.float32)


@cache
def _between_brows() -> NDArray[np.float32]:
    """1 between the brows and above the nose's root: float32 (256, 256), the same left and right."""
    points = frame_points()
    inner, root = points[[21, 22]], points[27]
    out = np.array([[_BETWEEN_PX, 0.0], [-_BETWEEN_PX, 0.0]])
    up, down = np.array([0.0, -3 * _BETWEEN_PX]), np.array([0.0, _BETWEEN_PX])
    outline = np.concatenate([inner + out / 2 + up, inner + out / 2, root + down + out[::-1] / 2])
    here = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillConvexPoly(here, cv2.convexHull(np.round(outline).astype(np.int32)), 255)
    soft = cv2.GaussianBlur(here.astype(np.float32) / np.float32(255), (0, 0), _SOFT_PX / 2)
    return np.asarray((soft + soft[:, ::-1]) / 2, np.float32)


@cache
def _where() -> NDArray[np.float32]:
    """How much of the learned lightness is drawn: float32 (256, 256) in [0, 1], none between lids and between lips."""
    points = frame_points()
    middle = points[_NOSE].mean(0)
    jaw = middle + _JAW_IN * (points[1:16] - middle)
    outline = cv2.convexHull(np.round([*jaw, *(points[17:27] - (0, _ABOVE_BROWS_PX))]).astype(np.int32))
    inside = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.fillConvexPoly(inside, outline, 255)
    soft = cv2.GaussianBlur(inside.astype(np.float32) / np.float32(255), (0, 0), _SOFT_PX)
    where = soft * outside_of_openings()[..., 0]
    return np.asarray((where + where[:, ::-1]) / 2, np.float32)
