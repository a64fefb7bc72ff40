"""Preview pictures: for held-out faces the input, and the same face drawn as each person."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.files import whole_file
from mien.model import Batch, Model

_CELL_PX = 128
_HEAD_PX = 20
_GAP_PX = 2


def write_preview(path: Path, model: Model, batch: Batch, names: Sequence[str], background: int = 24) -> None:
    """Write a grid: a row for each face of the batch; columns: input, drawn as itself, drawn as each other person."""
    drawn = [_pictures(model.generate(batch, name)) for name in names]
    identities = batch.identities.tolist()
    columns = [list(_pictures(batch.images)), [drawn[who][row] for row, who in enumerate(identities)]]
    titles = ["input", "reconstruction"]
    for further in range(1, len(names)):
        columns.append([drawn[(who + further) % len(names)][row] for row, who in enumerate(identities)])
        titles.append("swap" if len(names) == 2 else f"swap {further}")
    write_grid(path, columns, titles, [names[who] for who in identities], background)


def write_grid(
    path: Path, columns: Sequence[Sequence[NDArray[np.uint8]]], titles: Sequence[str], labels: Sequence[str], grey: int
) -> None:
    """Write pictures as a grid, column by column, under titles, each row with a label; whole or not at all."""
    rows = len(columns[0])
    step = _CELL_PX + _GAP_PX
    width = 60 + len(columns) * step
    sheet = Image.new("RGB", (width, _HEAD_PX + rows * step), (grey, grey, grey))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (title, column) in enumerate(zip(titles, columns, strict=True)):
        draw.text((60 + number * step + 4, 3), title, fill=(235, 235, 235), font=font)
        for row, picture in enumerate(column):
            cell = Image.fromarray(picture).resize((_CELL_PX, _CELL_PX), Image.Resampling.BICUBIC)
            sheet.paste(cell, (60 + number * step, _HEAD_PX + row * step))
    for row, label in enumerate(labels):
        draw.text((4, _HEAD_PX + row * step + _CELL_PX // 2 - 8), label, fill=(235, 235, 235), font=font)
    with whole_file(path) as partial:
        sheet.save(partial)


def _pictures(images: torch.Tensor) -> NDArray[np.uint8]:
    scaled = images.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    array: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    return array
