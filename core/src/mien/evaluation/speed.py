"""How fast a model draws."""

import statistics
import time

import numpy as np
import torch

from mien.contracts.model import Model
from mien.dataset import Dataset
from mien.evaluation.baselines import ModelPredictor

FACES_PER_BATCH = 8
_WARM_UP = 2
_TIMED = 10


def faces_per_second(model: Model, predictor: ModelPredictor, dataset: Dataset) -> float:
    """Faces that `Model.generate` draws in a second, in batches of 8: the median of ten, after two that do not count.

    Reading faces, measuring features and setting in are not part of it. predictor: of that model; it says whom to draw.
    """
    rows = np.resize(np.arange(len(dataset)), FACES_PER_BATCH)
    batch, target = predictor.batch(rows), predictor.target(np.zeros(FACES_PER_BATCH, np.int64))
    seconds = []
    with torch.inference_mode():
        for _ in range(_WARM_UP + _TIMED):
            began = time.perf_counter()
            model.generate(batch, target)
            seconds.append(time.perf_counter() - began)
    return FACES_PER_BATCH / statistics.median(seconds[_WARM_UP:])
