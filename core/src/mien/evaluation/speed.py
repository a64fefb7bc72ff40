"""How fast a model draws."""

import statistics
import time

import numpy as np
import torch

from mien.contracts.model import Model
from mien.dataset import Dataset
from mien.plugins.feature_set import FeatureSet
from mien.training.data import BatchRows, TrainingData
from mien.training.options import TrainOptions

FACES_PER_BATCH = 8
_WARM_UP = 2
_TIMED = 10


def faces_per_second(
    model: Model, identity: str | None, dataset: Dataset, features: FeatureSet, options: TrainOptions
) -> float:
    """Faces that `Model.generate` draws in a second, in batches of 8: the median of ten, after two that do not count.

    Reading faces, measuring features and setting in are not part of it. identity: as `Model.generate` takes it.
    """
    rows = np.resize(np.arange(len(dataset)), FACES_PER_BATCH)
    batch = TrainingData([dataset], features, options).batch(BatchRows((rows,)), model.size)
    seconds = []
    with torch.inference_mode():
        for _ in range(_WARM_UP + _TIMED):
            began = time.perf_counter()
            model.generate(batch, identity)
            seconds.append(time.perf_counter() - began)
    return FACES_PER_BATCH / statistics.median(seconds[_WARM_UP:])
