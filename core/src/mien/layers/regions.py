"""Where a loss weighs more: eyes, mouth and brows, which are small and what an expression is seen by."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.plugin import PluginConfig
from mien.layers.drawn_landmarks import near_lines
from mien.layers.masked import masked_edge_l1, masked_l1
from mien.layers.structure import masked_dissimilarity

_EYES = (
    *((36, 37, 38, 39, 40, 41, 36), (42, 43, 44, 45, 46, 47, 42)),
    *((37, 41), (38, 40), (43, 47), (44, 46)),  # across, so that the eyeball weighs as much as its lids
)
_MOUTH = (
    *((*range(48, 60), 48), (*range(60, 68), 60)),
    *((61, 67), (62, 66), (63, 65)),  # across, for the teeth
)
_BROWS = (range(17, 22), range(22, 27))
_REACH = 0.04
"""Standard deviation of the falloff, as a share of the side: an eye's opening is about as high."""
_DRAWN_AT = 4
"""Weights are smooth: they are made at that part of the side."""


class ReconstructionConfig(PluginConfig):
    """What is asked of a face that is drawn as who it is, beside the L1 error."""

    eyes: float = Field(default=0.0, ge=0)
    """How much more errors weigh at the eyes and their lids: they are small, and a blink is seen by them alone."""
    mouth: float = Field(default=0.0, ge=0)
    """How much more errors weigh at the mouth."""
    brows: float = Field(default=0.0, ge=0)
    """How much more errors weigh at the brows."""
    edges: float = Field(default=0.0, ge=0)
    """Weight of the error in edges beside the L1 error: sharper eyes and lips; the reference has none."""
    structure: float = Field(default=0.0, ge=0)
    """Weight of the lost structural similarity, at three sizes, beside the L1 error; the reference has none."""


def region_weights(landmarks: Tensor, size: int, *, eyes: float, mouth: float, brows: float) -> Tensor:
    """How much each pixel counts: float32 (N, 1, size, size), 1 far from all regions, smooth.

    landmarks: float (N, 68, 2), iBUG-68, in pixels of images of that size; a face whose landmarks are NaN gets 1
    throughout. eyes, mouth, brows: how much more than 1 it is there, 0 or above; where regions meet, the largest
    counts.
    """
    side = max(size // _DRAWN_AT, min(size, 16))
    more = landmarks.new_zeros(len(landmarks), side, side, dtype=torch.float32)
    for strokes, strength in ((_EYES, eyes), (_MOUTH, mouth), (_BROWS, brows)):
        if strength:
            more = torch.maximum(more, strength * near_lines(landmarks, size, side, strokes, _REACH * side))
    return 1 + interpolate(more[:, None], size=(size, size), mode="bilinear")


def weighted_masks(masks: Tensor, landmarks: Tensor, config: ReconstructionConfig) -> Tensor:
    """Masks (N, 1, S, S) times the region weights that the settings ask for."""
    if not (config.eyes or config.mouth or config.brows):
        return masks
    size = masks.shape[-1]
    return masks * region_weights(landmarks, size, eyes=config.eyes, mouth=config.mouth, brows=config.brows)


def reconstruction_losses(
    generated: Tensor, wanted: Tensor, weights: Tensor, config: ReconstructionConfig
) -> dict[str, Tensor]:
    """The parts of the loss, each with its weight already: "l1", and "edges" and "structure" where they are asked for.

    generated, wanted: (N, 3, S, S) in [-1, 1]. weights: (N, 1, S, S), as `weighted_masks` gives them.
    """
    losses = {"l1": masked_l1(generated, wanted, weights)}
    if config.edges:
        losses["edges"] = config.edges * masked_edge_l1(generated, wanted, weights)
    if config.structure:
        losses["structure"] = config.structure * masked_dissimilarity(generated, wanted, weights)
    return losses
