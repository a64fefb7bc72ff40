"""A head under one color."""

import torch
from PIL import ImageColor
from pydantic import field_validator
from torch import Tensor

from mien.contracts.model import Batch, Generated
from mien.contracts.target import Target
from mien.layers import RedactionConfig, RedactionModel


class SolidConfig(RedactionConfig):
    """Which color, and what it covers."""

    color: str = "gray"
    """A name of CSS, as gray or midnightblue, or #rrggbb."""

    @field_validator("color")
    @classmethod
    def _is_a_color(cls, color: str) -> str:
        ImageColor.getcolor(color, "RGB")
        return color


class Solid(RedactionModel):
    """One color. Nothing of what it covers is left: not its colors, not its expression."""

    Config = SolidConfig
    config: SolidConfig
    blender = "feather:erosion=0,feather=0,color=none"

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        """See `mien.Model.generate`. Whom the target names changes nothing: nobody is drawn."""
        rgb = torch.tensor(ImageColor.getcolor(self.config.color, "RGB"), device=batch.images.device)
        color = (rgb / 127.5 - 1)[:, None, None]
        return Generated(color.expand(batch.images.shape).contiguous(), self.masks(batch))
