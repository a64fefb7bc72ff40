"""Faces as a model gets them, kept in memory: on a processor, making them anew would take a part of every step."""

from typing import Literal

import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.contracts.model import Batch, Model
from mien.training.data import BatchCrops, BatchRows, TrainingData, batch_of

_SHARE = 0.2
"""Of the memory that is free: what a model and its activations need is not known yet."""
_CHANNELS = 4
"""Of an image and its mask, float32."""
_KEPT = "images", "masks", "features", "people", "landmarks", "tracks", "encodings"


class KeptFaces:
    """The faces of a run at one resolution, read and resampled when they first come.

    Batches have the very numbers that `TrainingData.batch` gives.
    """

    def __init__(self, data: TrainingData, model: Model, resolution: int) -> None:
        """resolution: side of the images, in pixels."""
        self._data, self._model, self.resolution = data, model, resolution
        self._has = np.zeros(data.faces, bool)
        self._kept: dict[str, Tensor] = {}

    def holds(self, rows: BatchRows) -> bool:
        """Whether all faces of a batch are there."""
        around = self._data.rows_around(rows, self._model)
        return bool(self._has[rows.rows].all()) and (around is None or bool(self._has[around.rows].all()))

    def missing(self, rows: BatchRows) -> tuple[BatchRows, BatchCrops | None]:
        """Of the faces of a batch those that are not there yet, and their crops; None: all are there.

        Raises MienError if a face cannot be read.
        """
        around = self._data.rows_around(rows, self._model)
        wanted = np.unique(rows.rows if around is None else np.concatenate([rows.rows, around.rows]))
        new = BatchRows(wanted[~self._has[wanted]])
        return new, BatchCrops(self._data.crops_of(new, self._model)) if len(new) else None

    def keep(self, rows: BatchRows, crops: BatchCrops) -> None:
        """Resample crops, and keep them as the faces of those rows."""
        made = batch_of(crops, self._model, self.resolution)
        for name in _KEPT:
            values = getattr(made, name)
            if values is None:
                continue
            if name == "images":  # which are channels last
                values = values.permute(0, 2, 3, 1)
            if name not in self._kept:
                self._kept[name] = values.new_empty((self._data.faces, *values.shape[1:]))
            self._kept[name][torch.from_numpy(rows.rows)] = values
        self._has[rows.rows] = True

    def batch(self, rows: BatchRows, progress: float, stage: int) -> Batch:
        """The batch of rows all of which are there."""
        around = self._data.rows_around(rows, self._model)
        return self._gathered(
            rows.rows,
            progress=progress,
            stage=stage,
            around=None if around is None else self._gathered(around.rows, stage=stage),
            counts=self._data.counts(rows),
        )

    def _gathered(
        self,
        rows: NDArray[np.int64],
        *,
        stage: int,
        progress: float = 1.0,
        around: Batch | None = None,
        counts: tuple[int, ...] | None = None,
    ) -> Batch:
        index = torch.from_numpy(rows)
        found = {name: kept.index_select(0, index) for name, kept in self._kept.items()}
        return Batch(
            images=found["images"].permute(0, 3, 1, 2),
            masks=found["masks"],
            features=found["features"],
            people=found["people"],
            landmarks=found["landmarks"],
            tracks=found["tracks"],
            encodings=found.get("encodings"),
            stage=stage,
            progress=progress,
            around=around,
            counts=counts,
        )


def fit_in_memory(
    asked: Literal["auto", "host", "device"], data: TrainingData, resolution: int, processes: int
) -> bool:
    """Whether the faces are to be kept at that side by each of so many processes. auto: if they take a small share of
    the memory that is free."""
    if asked != "auto":
        return asked == "device"
    taken = processes * data.faces * resolution**2 * _CHANNELS * torch.float32.itemsize
    return taken <= _SHARE * float(psutil.virtual_memory().available)
