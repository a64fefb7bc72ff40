"""Preview images: for held-out faces the input, and the same face drawn as each person, or as invented people."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from mien.contracts.face import RgbImage
from mien.contracts.model import Batch, Model, to_uint8_images
from mien.media.grid import write_grid
from mien.media.provenance import Provenance

_STRANGERS = 4


def write_preview(path: Path, model: Model, batch: Batch, names: Sequence[str], step: int) -> None:
    """Write a grid with a row for each face of the batch.

    Columns: the input, then drawn as itself and as each other person, or, if the model invents people, as some of them.
    """
    columns = {"input": list(to_uint8_images(batch.images))}
    columns |= _as_people(model, batch, names) if model.swaps else _as_strangers(model, batch)
    made = Provenance(version("mien-core"), f"preview of training, step {step}", path.resolve().parents[1].name)
    labels = [names[who] for who in batch.identities.tolist()]
    write_grid(path, list(columns.values()), list(columns), labels, synthetic=made)


def _as_people(model: Model, batch: Batch, names: Sequence[str]) -> dict[str, list[RgbImage]]:
    drawn = [to_uint8_images(model.generate(batch, name)) for name in names]
    identities = batch.identities.tolist()
    columns = {"reconstruction": [drawn[who][row] for row, who in enumerate(identities)]}
    for further in range(1, len(names)):
        title = "swap" if len(names) == 2 else f"swap {further}"
        columns[title] = [drawn[(who + further) % len(names)][row] for row, who in enumerate(identities)]
    return columns


def _as_strangers(model: Model, batch: Batch) -> dict[str, list[RgbImage]]:
    numbers = [torch.full_like(batch.identities, number) for number in range(_STRANGERS)]
    return {
        f"stranger {number}": list(to_uint8_images(model.generate(replace(batch, strangers=who), None)))
        for number, who in enumerate(numbers)
    }
