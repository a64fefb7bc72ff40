"""Preview images: for held-out faces the input, and the same face drawn as others: each in turn, or people invented."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from mien.contracts.face import RgbImage
from mien.contracts.model import Batch, Generated, Model, to_uint8_images
from mien.contracts.target import Given, Known, Reference, Synthetic, Target
from mien.media.grid import write_grid
from mien.media.provenance import Provenance
from mien.plugins.guard import guarded_generate

_OTHERS = 4
"""So many other people are shown at most."""


def write_preview(path: Path, model: Model, choice: str, batch: Batch, names: Sequence[str], step: int) -> None:
    """Write a grid with a row for each face of the batch. choice: which model it is; names: whose face each is.

    Columns: the input, then, by what the model draws: as itself and as other people of the run; as some people who do
    not exist; as the people of other rows, for a model that draws a reference.
    """
    columns = {"input": _images(batch.images)}
    for title, target in _targets(model, batch).items():
        drawn = guarded_generate(model, choice, batch, target)
        columns[title] = _images(drawn.images if isinstance(drawn, Generated) else drawn)
    made = Provenance(version("mien-core"), f"preview of training, step {step}", path.resolve().parents[1].name)
    write_grid(path, list(columns.values()), list(columns), names, synthetic=made)


def _targets(model: Model, batch: Batch) -> dict[str, Target]:
    found: dict[str, Target] = {}
    if "known" in model.targets:
        own, people = batch.people.clamp_min(0), len(model.inputs.people)
        found["reconstruction"] = Known(own)
        for further in range(1, min(people, _OTHERS)):
            found["swap" if people == 2 else f"swap {further}"] = Known((own + further) % people)
    if "synthetic" in model.targets:
        for number in range(_OTHERS):
            found[f"synthetic {number}"] = Synthetic(torch.full_like(batch.people, number))
    if "reference" in model.targets and batch.encodings is not None:
        rows = torch.arange(len(batch), device=batch.people.device)
        given = tuple(Given(batch.encodings[row], batch.rows(rows[row : row + 1])) for row in range(len(batch)))
        found["own reference"] = Reference(rows, given)
        found["another's"] = Reference(rows.roll(1), given)
    return found


def _images(images: Tensor) -> list[RgbImage]:
    return list(to_uint8_images(images))
