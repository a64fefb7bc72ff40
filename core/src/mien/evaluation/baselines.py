"""What draws the faces that it is evaluated on: the run's model, and baselines that have learnt nothing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.model import Batch, Generated, to_uint8_images
from mien.contracts.target import Given, Known, Reference, Synthetic, Target
from mien.dataset import Dataset
from mien.inference.target import synthetic_id
from mien.plugins.feature_set import FeatureSet
from mien.plugins.guard import guarded_generate
from mien.spread import spread
from mien.training.batch import CropArrays, make_batch
from mien.training.data import BatchRows, TrainingData
from mien.training.run import TrainedRun

_THUMBNAIL_PX = 8
_REFERENCE_IMAGES = 8


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was drawn of N faces."""

    images: NDArray[np.uint8]
    """uint8 (N, T, T, 3), RGB, in the space of the rows' crops."""
    masks: NDArray[np.float32] | None = None
    """float32 (N, T, T) in [0, 1], what of them is to be set in; None: what the crops' masks say."""


class Predictor(ABC):
    """Draws the faces of rows of a dataset."""

    name: str
    is_baseline: ClassVar[bool] = True

    @abstractmethod
    def draw(self, rows: NDArray[np.int64]) -> Prediction:
        """Draw n rows."""


class ModelPredictor(Predictor):
    """The run's model, as a person, or as synthetic people: each row as one of its own, unless told otherwise.

    drawn_as: a person's name; None: synthetic people. known: the training faces of that person, for a model that draws
    a reference.
    """

    is_baseline = False

    def __init__(
        self,
        run: TrainedRun,
        dataset: Dataset,
        features: FeatureSet,
        drawn_as: str | None,
        seed: int,
        given: Given | None = None,
    ) -> None:
        self.name = run.record.model
        self._run, self._drawn_as, self._seed, self._given = run, drawn_as, seed, given
        self._data = TrainingData([dataset], features, run.record.options)

    def draw(self, rows: NDArray[np.int64], synthetic_ids: NDArray[np.int64] | None = None) -> Prediction:
        """See `Predictor.draw`. synthetic_ids: int64 (n,), whom each row is to be; None: somebody else each time."""
        if synthetic_ids is None:
            synthetic_ids = np.array([_synthetic_id(self._seed, int(row)) for row in rows], np.int64)
        size = self._run.model.faces_per_batch
        parts = [slice(start, start + size) for start in range(0, len(rows), size)]
        return _joined([self._part(rows[part], synthetic_ids[part]) for part in parts])

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """The model's batch of some rows, whoever they are."""
        batch = self._data.batch(BatchRows(rows), self._run.model, self._run.model.resolution)
        return replace(batch, people=torch.full_like(batch.people, -1))

    def target(self, synthetic_ids: NDArray[np.int64]) -> Target:
        """Whom rows are to be drawn as."""
        if self._drawn_as is None:
            return Synthetic(torch.from_numpy(synthetic_ids))
        if self._given is not None:
            return Reference(torch.zeros(len(synthetic_ids), dtype=torch.int64), (self._given,))
        return Known(torch.full((len(synthetic_ids),), self._run.person_index(self._drawn_as)))

    def _part(self, rows: NDArray[np.int64], synthetic_ids: NDArray[np.int64]) -> Prediction:
        drawn = guarded_generate(self._run.model, self.name, self.batch(rows), self.target(synthetic_ids))
        if isinstance(drawn, Generated):
            return Prediction(to_uint8_images(drawn.images), drawn.masks[:, 0].float().cpu().numpy())
        return Prediction(to_uint8_images(drawn))


def given_of(
    run: TrainedRun, dataset: Dataset, rows: NDArray[np.int64], features: FeatureSet, encodings: NDArray[np.float32]
) -> Given:
    """A person as a reference, by some of their faces: the mean of their encodings (n, D), at their usual length."""
    data = TrainingData([dataset], features, run.record.options)
    mean = encodings.mean(0)
    mean = mean * (np.linalg.norm(encodings, axis=1).mean() / max(float(np.linalg.norm(mean)), 1e-12))
    faces = data.batch(BatchRows(spread(rows, _REFERENCE_IMAGES)), run.model, run.model.resolution)
    return Given(torch.from_numpy(mean.astype(np.float32)), faces)


class MeanFace(Predictor):
    """The mean of the training faces, whatever the face does."""

    name = "mean face"

    def __init__(self, known: Sequence[tuple[Dataset, NDArray[np.int64]]], size: int) -> None:
        """known: datasets and the rows that count. size: side of the images in pixels."""
        total = sum(len(rows) for _, rows in known)
        sums = np.zeros((size, size, 3))
        for dataset, rows in known:
            for start in range(0, len(rows), 512):
                sums += masked_images(dataset, rows[start : start + 512], size).sum(0, dtype=np.float64)
        self._mean = np.rint(sums / total).astype(np.uint8)

    def draw(self, rows: NDArray[np.int64]) -> Prediction:
        """See `Predictor.draw`."""
        return Prediction(np.repeat(self._mean[None], len(rows), 0))


class Thumbnail(Predictor):
    """The face itself at 8×8 pixels, enlarged: its colors and light, and hardly more."""

    name = f"thumbnail, {_THUMBNAIL_PX} px"

    def __init__(self, dataset: Dataset, size: int) -> None:
        self._dataset, self._size = dataset, size

    def draw(self, rows: NDArray[np.int64]) -> Prediction:
        """See `Predictor.draw`."""
        side = (self._size, self._size)
        small = masked_images(self._dataset, rows, _THUMBNAIL_PX)
        enlarged = [cv2.resize(image, side, interpolation=cv2.INTER_CUBIC) for image in small]
        return Prediction(np.stack(enlarged).astype(np.uint8))


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

    def draw(self, rows: NDArray[np.int64]) -> Prediction:
        """See `Predictor.draw`."""
        images = []
        for vector in self._vectors(self._dataset, rows) / self._spread:
            nearest = int(((self._vectors_known - vector) ** 2).sum(1).argmin())
            which, row = self._at[nearest]
            images.append(masked_images(self._known[which][0], np.array([row]), self._size)[0])
        return Prediction(np.stack(images))

    def _vectors(self, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._features.length:
            return dataset.vectors(self._features, rows)
        return np.asarray(dataset.landmarks()[rows]).reshape(len(rows), -1)


def masked_images(dataset: Dataset, rows: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Crops of some rows at a side, black where the mask is 0: uint8 (n, size, size, 3)."""
    nothing = np.zeros(len(rows), np.int64)
    crops = CropArrays(
        images=np.asarray(dataset.crops()[rows]),
        masks=np.asarray(dataset.masks()[rows]),
        landmarks=np.asarray(dataset.landmarks()[rows]),
        features=np.zeros((len(rows), 0), np.float32),
        people=nothing,
        tracks=nothing,
    )
    return to_uint8_images(make_batch(crops, resolution=size, masked=True).images)


def _joined(parts: Sequence[Prediction]) -> Prediction:
    masks = [part.masks for part in parts if part.masks is not None]
    return Prediction(np.concatenate([part.images for part in parts]), np.concatenate(masks) if masks else None)


def _synthetic_id(seed: int, row: int) -> int:
    return synthetic_id(seed, "", row)
