"""Preview pictures: for held-out faces the input, and the same face drawn as each person."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.grid import write_grid
from mien.model import Batch, Model
from mien.provenance import Provenance


def write_preview(path: Path, model: Model, batch: Batch, names: Sequence[str], step: int) -> None:
    """Write a grid: a row for each face of the batch; columns: input, drawn as itself, drawn as each other person."""
    drawn = [_pictures(model.generate(batch, name)) for name in names]
    identities = batch.identities.tolist()
    columns = [list(_pictures(batch.images)), [drawn[who][row] for row, who in enumerate(identities)]]
    titles = ["input", "reconstruction"]
    for further in range(1, len(names)):
        columns.append([drawn[(who + further) % len(names)][row] for row, who in enumerate(identities)])
        titles.append("swap" if len(names) == 2 else f"swap {further}")
    made = Provenance(version("mien-core"), f"preview of training, step {step}", path.resolve().parents[1].name)
    write_grid(path, columns, titles, [names[who] for who in identities], synthetic=made)


def _pictures(images: torch.Tensor) -> NDArray[np.uint8]:
    scaled = images.detach().float().clamp(-1, 1).add(1).mul(127.5).round()
    array: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
    return array
