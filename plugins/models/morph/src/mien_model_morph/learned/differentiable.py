"""A drawn face as a function of somebody's looks, as far as a gradient goes.

What is drawn is what `Morph.draw` draws, bit for bit; how it would change with a little more light or another place of
a feature is its first derivative. So nothing is drawn twice, and nothing that is learned is lost when it is drawn.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from mien_model_morph.frame import FRAME_PX, triangles
from mien_model_morph.model import Drawing
from mien_model_morph.warp import shares_in, triangle_at

_COARSER = 2
"""How far a feature's move carries each pixel is smooth: it is computed at so much less than the side."""


def changing_with(drawings: list[Drawing], lightness: Tensor, shape: Tensor) -> Tensor:
    """The drawn faces, float32 (N, 3, S, S), RGB in about [-1, 1], with gradients.

    lightness: float32 (N, 1, 256, 256) and shape: float32 (N, 68, 3), as of `Maps`: those that they were drawn with.
    """
    side, device = drawings[0].image.shape[0], lightness.device

    def stacked(arrays: list[NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device)

    images = stacked([drawing.image for drawing in drawings]).permute(0, 3, 1, 2) * 2 - 1
    slopes = stacked([_slope(drawing) for drawing in drawings]).permute(0, 3, 1, 2)
    shares = stacked([np.stack([drawing.x, drawing.y], axis=-1) for drawing in drawings])
    grid = (shares + 0.5) * (2 / FRAME_PX) - 1
    more = grid_sample(lightness - lightness.detach(), grid, padding_mode="border", align_corners=False)
    images = images + slopes * more

    turns = stacked([(d.pose.scale * d.pose.turn[:2]).astype(np.float32) for d in drawings])
    moved = torch.bmm(shape - shape.detach(), turns.transpose(1, 2))  # (N, 68, 2), pixels
    fields = []
    for drawing, by in zip(drawings, moved, strict=True):
        corners, weights = _weights(drawing.points, side // _COARSER)
        fields.append((by[corners.to(device)] * weights.to(device)[..., None]).sum(2))
    field = interpolate(torch.stack(fields).permute(0, 3, 1, 2), size=(side, side), mode="bilinear")
    still = affine_grid(
        torch.eye(2, 3, device=device).expand(len(images), 2, 3), [len(images), 3, side, side], align_corners=False
    )
    there = still - field.permute(0, 2, 3, 1) * (2 / side)
    # At `still` each pixel is itself: what grid_sample would round is left out, and the derivative kept.
    carried = grid_sample(images, there, padding_mode="border", align_corners=False)
    return images + (carried - carried.detach())


def _slope(drawing: Drawing) -> NDArray[np.float32]:
    """By how much red, green and blue in [-1, 1] grow with the texture's lightness: float32 (S, S, 3)."""
    lab = cv2.cvtColor(np.clip(drawing.image, 0, 1), cv2.COLOR_RGB2LAB)
    lab[..., 0] += 1
    lighter = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.float32)
    return (lighter - np.clip(drawing.image, 0, 1)) * (2 * drawing.contrast[..., None])


def _weights(points: NDArray[np.float64], side: int) -> tuple[Tensor, Tensor]:
    """Of each pixel of a smaller image the corners of its triangle and their shares in it.

    points: (P, 2), in pixels of an image `_COARSER` times as large. Returns int64 and float32 (side, side, 3); points
    that are no landmarks have no share.
    """
    points = (points + 0.5) / _COARSER - 0.5
    number = triangle_at(points, side)
    corners = triangles()[np.maximum(number - 1, 0)]
    y, x = np.mgrid[:side, :side]
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2)
    shares = shares_in(pixels, points[corners].reshape(-1, 3, 2)).reshape(side, side, 3)
    shares[(corners >= 68) | (number == 0)[..., None]] = 0
    return torch.from_numpy(np.minimum(corners, 67)), torch.from_numpy(shares.astype(np.float32))
