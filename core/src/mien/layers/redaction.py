"""What models that hide a head have in common: how it is cut out, which part is covered, and what it is reduced to."""

from typing import ClassVar, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.model import Batch, Model, ModelInputs
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import TargetKind
from mien.geometry.alignment import AlignmentConfig

Shape: TypeAlias = Literal["ellipse", "rectangle"]

CROP_PX = 128
"""What is drawn has no detail but its outline: a small crop is quick, and smooth enough when it is enlarged."""
ELLIPSE_WIDTH = 0.86
"""Of the ellipse, as a share of its height: heads are higher than wide, and ears have to be inside."""


class RedactionConfig(PluginConfig):
    """Which part around a face is hidden."""

    shape: Shape = "ellipse"
    """ellipse: as high as the crop, and narrower. rectangle: all of the crop."""
    margin: float = Field(default=0.45, ge=0.2, le=2.0)
    """Space around the box of the face on each side, as a share of its longer side. Extractors draw their boxes from
    the brows to the chin, or around more: with the default hair, ears and chin are inside for all of them."""
    shift_y: float = Field(default=0.15, ge=0.0, le=0.5)
    """How far the hidden part reaches up rather than down, as a share of that side: foreheads lie outside of boxes."""


class RedactionModel(Model):
    """A model that hides a head and draws nobody. It needs no training, no landmarks, and no run.

    A subclass says what covers it: `generate` returns `Generated(…, self.masks(batch))`, and `blender` one that sets it
    back as it is, with neither a soft edge nor the scene's colors.
    """

    Config = RedactionConfig
    config: RedactionConfig
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"synthetic"})
    hides: ClassVar[bool] = True

    def __init__(self, config: RedactionConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.alignment = AlignmentConfig(
            size=CROP_PX, template="box", margin=self.config.margin, shift_y=self.config.shift_y
        )

    def masks(self, batch: Batch) -> Tensor:
        """What is covered, float32 (N, 1, S, S): 1 all over the shape, with an edge of one pixel."""
        side, like = batch.size, batch.images
        if self.config.shape == "rectangle":
            return like.new_ones((len(batch), 1, side, side))
        line = torch.linspace(-1 + 1 / side, 1 - 1 / side, side, device=like.device)
        from_middle = torch.hypot(line / ELLIPSE_WIDTH, line[:, None])
        inside = ((1 - from_middle) * (side / 2) + 0.5).clamp(0, 1)
        return inside.expand(len(batch), 1, side, side).contiguous()


def cell_means(images: Tensor, count: int) -> Tensor:
    """The mean color of each of count×count cells of the images: float32 (N, 3, count, count) in [-1, 1].

    images: (N, 3, S, S) in [-1, 1]. What is all black does not count, since crops are black outside of their scene: a
    head that the border cuts off is no darker there. A cell with nothing else in it is black.
    """
    counts = (images > -1).any(1, keepdim=True).to(images.dtype)
    # An area filter whatever the sides are: of the colors above black, and of the pixels that count.
    lights = interpolate((images + 1) * counts, size=(count, count), mode="area")
    return lights / interpolate(counts, size=(count, count), mode="area").clamp_min(1e-6) - 1
