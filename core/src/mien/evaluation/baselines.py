"""What draws the faces that are judged: the run's model, and baselines that have learnt nothing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.model import to_uint8_images
from mien.dataset import Dataset
from mien.errors import MienError
from mien.plugins.feature_set import FeatureSet
from mien.training.data import BatchRows, TrainingData
from mien.training.run import TrainedRun

_FACES_AT_ONCE = 32
_THUMBNAIL_PX = 8


class Predictor(ABC):
    """Draws the faces of rows of a dataset."""

    name: str
    is_model: ClassVar[bool] = False

    @abstractmethod
    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8 (n, S, S, 3), RGB, in the space of the rows' crops."""


class ModelPredictor(Predictor):
    """The run's model, as a person, or as strangers: each row as one of its own, unless told otherwise."""

    is_model = True

    def __init__(
        self, run: TrainedRun, dataset: Dataset, features: FeatureSet, identity: str | None, seed: int
    ) -> None:
        self.name = run.record.model
        self._run, self._identity, self._seed = run, identity, seed
        self._data = TrainingData([dataset], features, run.record.options)

    def draw(self, rows: NDArray[np.int64], strangers: NDArray[np.int64] | None = None) -> NDArray[np.uint8]:
        """See `Predictor.draw`. strangers: int64 (n,), whom each row is to be; None: somebody else each time."""
        if strangers is None:
            strangers = np.array([synthetic_id(self._seed, int(row)) for row in rows], np.int64)
        parts = [slice(start, start + _FACES_AT_ONCE) for start in range(0, len(rows), _FACES_AT_ONCE)]
        return np.concatenate([self._part(rows[part], strangers[part]) for part in parts])

    def _part(self, rows: NDArray[np.int64], strangers: NDArray[np.int64]) -> NDArray[np.uint8]:
        model = self._run.model
        batch = self._data.batch(BatchRows((rows,)), model.size)
        batch = replace(batch, identities=torch.full_like(batch.identities, -1), strangers=torch.from_numpy(strangers))
        with torch.inference_mode():
            drawn = model.generate(batch, self._identity)
        if not bool(torch.isfinite(drawn).all()):
            raise MienError(f"The model of {self._run.path} drew values that are not finite.", "Train it again.")
        return to_uint8_images(drawn)


class MeanFace(Predictor):
    """The mean of the training faces, whatever the face does."""

    name = "mean face"

    def __init__(self, known: Sequence[tuple[Dataset, NDArray[np.int64]]], size: int) -> None:
        """known: datasets and the rows that count. size: side of the images in pixels."""
        total = sum(len(rows) for _, rows in known)
        sums = np.zeros((size, size, 3))
        for dataset, rows in known:
            images = dataset.images(size)
            for start in range(0, len(rows), 512):
                sums += images[rows[start : start + 512]].sum(0, dtype=np.float64)
        self._mean = np.rint(sums / total).astype(np.uint8)

    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See `Predictor.draw`."""
        return np.repeat(self._mean[None], len(rows), 0)


class Thumbnail(Predictor):
    """The face itself at 8×8 pixels, enlarged: its colors and light, and hardly more."""

    name = f"thumbnail, {_THUMBNAIL_PX} px"

    def __init__(self, dataset: Dataset, size: int) -> None:
        self._small, self._size = dataset.images(_THUMBNAIL_PX), size

    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See `Predictor.draw`."""
        side = (self._size, self._size)
        enlarged = [cv2.resize(np.array(self._small[row]), side, interpolation=cv2.INTER_CUBIC) for row in rows]
        return np.stack(enlarged).astype(np.uint8)


class NearestFace(Predictor):
    """The training face whose features are nearest: standardized by their spread, Euclidean."""

    name = "nearest training face"

    def __init__(
        self,
        dataset: Dataset,
        known: Sequence[tuple[Dataset, NDArray[np.int64]]],
        features: FeatureSet,
        size: int,
    ) -> None:
        """features: what faces are compared by; of an empty set the landmarks in the crop."""
        self._dataset, self._known, self._features, self._size = dataset, known, features, size
        vectors = [self._vectors(source, rows) for source, rows in known]
        self._spread = np.maximum(np.concatenate(vectors).std(0), 1e-6)
        self._vectors_known = np.concatenate(vectors) / self._spread
        self._at = [(which, int(row)) for which, (_, rows) in enumerate(known) for row in rows]

    def draw(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """See `Predictor.draw`."""
        images = []
        for vector in self._vectors(self._dataset, rows) / self._spread:
            nearest = int(((self._vectors_known - vector) ** 2).sum(1).argmin())
            which, row = self._at[nearest]
            images.append(np.array(self._known[which][0].images(self._size)[row]))
        return np.stack(images)

    def _vectors(self, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._features.length:
            return dataset.vectors(self._features, rows)
        return np.asarray(dataset.landmarks()[rows]).reshape(len(rows), -1)


def synthetic_id(seed: int, key: int) -> int:
    """The number of a stranger, in [0, 2**63), of a seed and a row."""
    return int(np.random.SeedSequence([seed, key]).generate_state(1, np.uint64)[0] >> np.uint64(1))
