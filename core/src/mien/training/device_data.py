"""All faces of a run in the memory of the device that trains, so that no step waits for disk or bus."""

from typing import Literal

import torch

from mien.contracts.model import Model
from mien.training.batch import CropTensors
from mien.training.data import BatchCrops, BatchRows, TrainingData

_SHARE = 0.2
"""Of the card's free memory: what a model and its activations need is not known yet."""
_ROWS_PER_CHUNK = 1024


class DeviceData:
    """The crops of a run, 8 bit as they are stored, cut as the model wants them, on one device."""

    def __init__(self, data: TrainingData, model: Model, device: torch.device) -> None:
        """Raises MienError if a crop does not cover what the model wants, or cannot be read."""
        self._data, self._device = data, device
        chunks = []
        for start in range(0, data.faces, _ROWS_PER_CHUNK):
            rows = BatchRows.between(start, min(start + _ROWS_PER_CHUNK, data.faces))
            chunks.append(data.crops_of(rows, model).tensors(device))
        self._all = CropTensors.joined(chunks)

    def crops_for(self, rows: BatchRows, model: Model) -> BatchCrops:
        """What `TrainingData.crops_for` gives, gathered on the device."""
        around = self._data.rows_around(rows, model)
        return BatchCrops(
            self._all.rows(self._index(rows)),
            None if around is None else self._all.rows(self._index(around)),
            self._data.counts(rows),
        )

    def _index(self, rows: BatchRows) -> torch.Tensor:
        index = torch.from_numpy(rows.rows)
        if self._device.type == "cuda":
            index = index.pin_memory()
        return index.to(self._device, non_blocking=True)


def belongs_on_device(
    asked: Literal["auto", "host", "device"], data: TrainingData, model: Model, device: torch.device
) -> bool:
    """Whether all faces are to lie on the device, which is no processor. auto: on a CUDA card of which they take a
    small share."""
    if device.type == "cpu" or not data.faces:
        return False
    if asked != "auto":
        return asked == "device"
    if device.type != "cuda":
        return False
    one = data.crops_of(BatchRows.between(0, 1), model)
    taken = data.faces * sum(array.nbytes for array in one.arrays)
    return taken <= _SHARE * torch.cuda.mem_get_info(device)[0]
