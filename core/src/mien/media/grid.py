"""Images side by side, with titles and labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.media.images import write_image
from mien.media.provenance import Provenance

_GAP_PX = 3
_HEAD_PX = 22
_INK = (235, 235, 235)
_GREY = (24, 24, 24)


def write_grid(
    path: Path,
    columns: Sequence[Sequence[NDArray[np.uint8]]],
    titles: Sequence[str],
    labels: Sequence[str],
    *,
    synthetic: Provenance | None,
    cell_px: int = 128,
) -> None:
    """Write images as a grid, whole or not at all: a title over each column, a label before each row.

    columns: uint8 (H, W, 3) RGB images, which are scaled to `cell_px` high. synthetic: how drawn faces
    among them came about. Raises MienError if it may not be written.
    """
    font = ImageFont.load_default(13)
    margin = max(round(font.getlength(label)) for label in labels) + 12
    widths = [max(round(cell_px * p.shape[1] / p.shape[0]) for p in column) + _GAP_PX for column in columns]
    step = cell_px + _GAP_PX
    sheet = Image.new("RGB", (margin + sum(widths), _HEAD_PX + len(labels) * step), _GREY)
    draw = ImageDraw.Draw(sheet)
    left = margin
    for title, column, width in zip(titles, columns, widths, strict=True):
        draw.text((left + 4, 3), title, fill=_INK, font=font)
        for row, image in enumerate(column):
            cell = Image.fromarray(image).resize((width - _GAP_PX, cell_px), Image.Resampling.BICUBIC)
            sheet.paste(cell, (left, _HEAD_PX + row * step))
        left += width
    for row, label in enumerate(labels):
        draw.text((6, _HEAD_PX + row * step + cell_px // 2 - 8), label, fill=_INK, font=font)
    write_image(path, np.asarray(sheet), synthetic=synthetic)
