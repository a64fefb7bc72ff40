"""Landmarks as pictures: lines where jaw, brows, nose, lids and lips run, for networks that draw or judge by them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mien.layers.constants import constant

_LINES: tuple[tuple[Sequence[int], ...], ...] = (
    (range(17),),  # jaw
    (range(17, 22), range(22, 27)),  # brows
    (range(27, 31), range(31, 36)),  # nose
    ((36, 37, 38, 39), (42, 43, 44, 45)),  # upper lids
    ((36, 41, 40, 39), (42, 47, 46, 45)),  # lower lids
    ((*range(48, 60), 48),),  # lips, outside
    (range(60, 65),),  # upper lip, inside
    ((60, 67, 66, 65, 64),),  # lower lip, inside
)
LANDMARK_MAPS = len(_LINES)
"""How many maps `landmark_maps` draws."""
MIRRORED_68 = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65,
)  # fmt: skip
"""The number that each landmark has in the mirrored image."""
_LINE_WIDTH = 1 / 128


@torch.no_grad()
def landmark_maps(landmarks: Tensor, size: int, side: int) -> Tensor:
    """Draw lines through landmarks: float32 (N, LANDMARK_MAPS, side, side) in [0, 1].

    landmarks: float (N, 68, 2) in pixels of images of that size; a face whose landmarks are NaN gets empty maps. A line
    falls off as a Gaussian whose standard deviation is 1/128 of the side. Mirroring maps is mirroring the face.
    """
    deviation = max(_LINE_WIDTH * side, 0.5)
    return torch.stack([near_lines(landmarks, size, side, strokes, deviation) for strokes in _LINES], 1)


@torch.no_grad()
def near_lines(landmarks: Tensor, size: int, side: int, strokes: Sequence[Sequence[int]], deviation: float) -> Tensor:
    """How near each pixel is to lines through landmarks: float32 (N, side, side) in [0, 1].

    landmarks, size, side: as for `landmark_maps`. strokes: numbers of the landmarks that each line runs through, in its
    order. deviation: in pixels of the result, of the Gaussian by which it falls off.
    """
    points = (landmarks.float() + 0.5) * (side / size) - 0.5
    known = torch.isfinite(points).all(dim=(1, 2)) if len(points) else points.new_zeros(0, dtype=torch.bool)
    points = torch.where(known[:, None, None], points, torch.zeros_like(points))
    line = torch.arange(side, device=points.device, dtype=torch.float32)
    starts, ends = (
        points.index_select(1, constant([number for stroke in strokes for number in list(stroke)[part]], points.device))
        for part in (slice(None, -1), slice(1, None))
    )
    return torch.exp(_square_distance(starts, ends, line) / (-2 * deviation**2)) * known[:, None, None]


def _square_distance(starts: Tensor, ends: Tensor, line: Tensor) -> Tensor:
    """From each pixel to the nearest of its face's segments: (N, s, s) for segments (N, K, 2)."""
    along = ends - starts
    length = along.square().sum(-1).clamp_min(1e-6)
    # Along the segment (t in [0, 1]) the point nearest to a pixel; rows and columns are kept apart as long as they are.
    across = (line - starts[..., :1]) * along[..., :1]
    down = (line - starts[..., 1:]) * along[..., 1:]
    share = ((across[:, :, None, :] + down[:, :, :, None]) / length[..., None, None]).clamp(0, 1)
    x = starts[..., 0, None, None] + share * along[..., 0, None, None] - line
    y = starts[..., 1, None, None] + share * along[..., 1, None, None] - line[:, None]
    return (x.square() + y.square()).amin(1)
