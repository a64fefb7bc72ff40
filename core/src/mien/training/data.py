"""From the datasets of a run to batches."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.model import Batch, Model, ModelInputs, Stage
from mien.dataset import Dataset
from mien.errors import MienError
from mien.geometry.expression import expression
from mien.plugins.feature_set import FeatureSet
from mien.spread import spread
from mien.tracking.recognizer import Recognizer
from mien.training.batch import CropArrays, CropTensors, make_batch
from mien.training.joined_datasets import JoinedDatasets
from mien.training.options import TrainOptions
from mien.training.recognition import recognize_by
from mien.training.sampling import Split, StepSampler, repeat_rare, split

_ROWS_PER_CHUNK = 4096
_FACES_PER_FIT_BATCH = 64
_MOST_COUNTED = 256


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Which faces a batch holds: rows of all datasets one after the other, int64 (N,)."""

    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def between(cls, start: int, end: int) -> "BatchRows":
        """All rows from start on, before end."""
        return cls(np.arange(start, end, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class BatchCrops:
    """The crops that a batch is made of, and, for a model with a window, those around them; as `Batch.around`."""

    faces: CropArrays | CropTensors
    around: CropArrays | CropTensors | None = None
    counts: tuple[int, ...] | None = None
    """As `Batch.counts`."""


class TrainingData:
    """The faces of a run's datasets, split into those to train on and those held out.

    A dataset may hold many people; a person's name is DATASET/PERSON where two datasets share it. of_model: the model
    class that is to be trained; it says whether whole people may be held out and whether encodings are needed. Raises
    MienError if two datasets have one name, were preprocessed differently, hold no face, or lack a feature.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        features: FeatureSet,
        options: TrainOptions,
        of_model: type[Model] = Model,
        recognizer: Recognizer | None = None,
    ) -> None:
        """recognizer: whose encodings a model that draws a reference gets, and by whose network a loss may be made."""
        self.datasets = list(datasets)
        self.features = features
        self.encodings = recognizer.key if recognizer and of_model.sees_encodings() else None
        self._recognizer = recognizer
        self._check()
        self.splits = [
            training_split(dataset, options.held_out, hold_out_people="known" not in of_model.targets)
            for dataset in self.datasets
        ]
        self._rows = JoinedDatasets(self.datasets, self.features, self.encodings)
        self.people, self._person_of_row = self._people()
        self._names_people = "known" in of_model.targets
        self._epochs = [self._epoch(person, options.repeat_rare) for person in range(len(self.people))]

    @property
    def training_rows(self) -> NDArray[np.int64]:
        """int64 (n,), ascending: the rows to train on, of all datasets one after the other."""
        return self._rows.joined([part.training for part in self.splits])

    @property
    def held_out_rows(self) -> NDArray[np.int64]:
        """int64 (n,), ascending: the rows that training never sees, likewise."""
        return self._rows.joined([part.held_out for part in self.splits])

    @cached_property
    def inputs(self) -> ModelInputs:
        """What the model is told of the data; the feature statistics are over the training rows alone.

        Every person counts alike, as in a balanced batch, however many faces they have.
        """
        rows = self.training_rows
        people = self._person_of_row[rows]
        faces = np.bincount(people, minlength=len(self.people))
        weights = 1 / (len(self.people) * faces[people].astype(np.float64))
        mean = sum(weights[part] @ self._rows.vectors(rows[part]) for part in _chunks(len(rows)))
        covariance = np.zeros((self.features.length, self.features.length))
        # Of n faces of a person n − 1 count, as in a covariance over them alone.
        unbiased = weights * faces[people] / np.maximum(faces[people] - 1, 1)
        for part in _chunks(len(rows)):
            centered = self._rows.vectors(rows[part]) - mean
            covariance += centered.T @ (centered * unbiased[part, None])
        return ModelInputs(
            people=self.people if self._names_people else tuple(map(str, range(len(self.people)))),
            features=self.features.length,
            rows=len(rows),
            feature_mean=np.asarray(mean, np.float32).reshape(self.features.length),
            feature_covariance=covariance.astype(np.float32),
            encoding_length=0 if self.encodings is None else self._rows.encodings(rows[:1]).shape[1],
            recognize=recognize_by(self._recognizer.feature) if self._recognizer else None,
        )

    def sampler(self, model: Model, stage: Stage, *key: int) -> StepSampler:
        """Which faces are in each step of a stage. key: what the order depends on, as seed and number of the stage."""
        return StepSampler(model.sampling, self._epochs, stage.batch_size, *key)

    def batches(self, model: Model, stage: int, seed: int = 0, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """The batches of one of the model's stages, for a loop of your own, in an order by the seed.

        stage: its number in `Model.stages()`; one without a length has no end of batches.
        """
        of_model = model.stages()[stage]
        sampler = self.sampler(model, of_model, seed, stage, 0)
        for step in itertools.count() if of_model.steps is None else range(of_model.steps):
            progress = 1.0 if of_model.steps is None else step / of_model.steps
            yield self.batch(BatchRows(sampler.rows(step)), model, of_model.resolution, progress, stage, device)

    def fit_batches(self, model: Model, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """All training faces once, as `Model.fit` takes them: in the order of the datasets, at their own size."""
        rows = self.training_rows
        for start in range(0, len(rows), _FACES_PER_FIT_BATCH):
            picked = BatchRows(rows[start : start + _FACES_PER_FIT_BATCH])
            yield self.batch(picked, model, None, 1.0, -1, device)

    def held_out(self, most: int) -> BatchRows | None:
        """At most so many held-out rows, of each person alike and spread evenly; None if nothing is held out."""
        return self._some([part.held_out for part in self.splits], most)

    def spread(self, most: int) -> BatchRows:
        """At most so many training rows, of each person alike and spread evenly."""
        return self._some([part.training for part in self.splits], most) or BatchRows(np.zeros(0, np.int64))

    @staticmethod
    def repeated(rows: BatchRows, count: int) -> BatchRows:
        """So many rows: those that are there, again and again."""
        return BatchRows(np.resize(rows.rows, count))

    def batch(
        self,
        rows: BatchRows,
        model: Model,
        resolution: int | None,
        progress: float = 1.0,
        stage: int = -1,
        device: torch.device | str = "cpu",
    ) -> Batch:
        """Gather a batch for a model. resolution: side of its images; None: that of the crops."""
        return batch_of(self.crops_for(rows, model), model, resolution, progress, stage, device)

    @property
    def faces(self) -> int:
        """How many faces there are, those held out among them."""
        return len(self._rows)

    def crops_for(self, rows: BatchRows, model: Model) -> BatchCrops:
        """What a batch of those rows is made of."""
        around = self.rows_around(rows, model)
        crops = self.crops_of(rows, model)
        return BatchCrops(crops, None if around is None else self.crops_of(around, model), self.counts(rows))

    def counts(self, rows: BatchRows) -> tuple[int, ...] | None:
        """How many faces of each person the rows hold; None: there are too many people to count at each step."""
        if len(self.people) > _MOST_COUNTED:
            return None
        people = self._known_people(rows.rows)
        return tuple(np.bincount(people[people >= 0], minlength=len(self.people)).tolist())

    def rows_around(self, rows: BatchRows, model: Model) -> BatchRows | None:
        """For a model with a window: the rows of `Batch.around`."""
        return BatchRows(self._rows.window_rows(rows.rows, *model.window)) if any(model.window) else None

    def crops_of(self, rows: BatchRows, model: Model) -> CropArrays:
        """The whole crops of a batch for a model, as they are stored, or as the model wants them cut."""
        return self._rows.arrays(rows.rows, self._known_people(rows.rows), model.alignment)

    def landmarks_of(self, rows: BatchRows) -> NDArray[np.float32]:
        """float32 (N, 68, 2), in pixels of the stored crops; NaN where they are not known."""
        return self._rows.landmarks_of(rows.rows)

    def names_of(self, rows: BatchRows) -> list[str]:
        """The name of each row's person."""
        return [self.people[person] for person in self._person_of_row[rows.rows]]

    def describe(self, rows: BatchRows) -> str:
        """The rows in words, for an error message."""
        return self._rows.describe(rows.rows)

    def _known_people(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The people of the rows; -1 for somebody of whom all faces are held out."""
        people = self._person_of_row[rows]
        return np.where(self._is_trained_on[people], people, -1)

    @cached_property
    def _is_trained_on(self) -> NDArray[np.bool_]:
        return np.bincount(self._person_of_row[self.training_rows], minlength=len(self.people)) > 0

    def _some(self, parts: Sequence[NDArray[np.int64]], most: int) -> BatchRows | None:
        rows = self._rows.joined(parts)
        if not len(rows):
            return None
        people = self._person_of_row[rows]
        shown = spread(np.unique(people), most)
        each = max(most // len(shown), 1)
        return BatchRows(np.concatenate([spread(rows[people == person], each) for person in shown]))

    def _people(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        names = Counter(name for dataset in self.datasets for name in dataset.people)
        people: list[str] = []
        rows: list[NDArray[np.int64]] = []
        for dataset in self.datasets:
            rows.append(dataset.person_rows() + len(people))
            people += [name if names[name] == 1 else f"{dataset.name}/{name}" for name in dataset.people]
        return tuple(people), np.concatenate(rows)

    def _epoch(self, person: int, most: int) -> NDArray[np.int64]:
        trained_on = self.training_rows
        rows: NDArray[np.int64] = trained_on[self._person_of_row[trained_on] == person]
        if most == 1 or not len(rows):
            return rows
        landmarks = np.concatenate([dataset.landmarks()[own] for _, dataset, own, _ in self._rows.by_dataset(rows)])
        measures = np.stack(expression(landmarks), axis=1)
        # A face without landmarks is as usual as any.
        measures = np.where(np.isfinite(measures), measures, np.nanmedian(measures, axis=0))
        repeated: NDArray[np.int64] = repeat_rare(rows, measures, most)
        return repeated

    def _check(self) -> None:
        first = self.datasets[0]
        for number, dataset in enumerate(self.datasets[1:], 1):
            if dataset.name in [earlier.name for earlier in self.datasets[:number]]:
                raise MienError(
                    f"Two datasets are named {dataset.name!r}: {dataset.path} is one of them. "
                    "The folder's name is the dataset's name.",
                    f"mv {dataset.path} {Path(dataset.path).with_name(dataset.name + '2')}",
                )
            for what, mine, theirs in (
                ("extractor", dataset.info.extractor, first.info.extractor),
                ("alignment", dataset.info.alignment, first.info.alignment),
            ):
                if mine != theirs:
                    raise MienError(
                        f"{first.path} and {dataset.path} were preprocessed with another {what}: {theirs} and {mine}.",
                        f"mien preprocess {dataset.path} --again --extractor {first.info.extractor}",
                    )


def batch_of(
    crops: BatchCrops,
    model: Model,
    resolution: int | None,
    progress: float = 1.0,
    stage: int = -1,
    device: torch.device | str = "cpu",
) -> Batch:
    """Make a model's batch of crops, as `TrainingData.batch` does of rows."""
    around = None
    if crops.around is not None:
        around = make_batch(crops.around, resolution=resolution, masked=model.masked, device=device, stage=stage)
    return make_batch(
        crops.faces,
        resolution=resolution,
        masked=model.masked,
        device=device,
        stage=stage,
        progress=progress,
        around=around,
        counts=crops.counts,
    )


def training_split(dataset: Dataset, held_out: float, *, hold_out_people: bool) -> Split:
    """The rows of a dataset to train on, and those held out. Raises MienError if it holds no face."""
    if not len(dataset):
        raise MienError(f"{dataset.path} holds no face.", f"mien preprocess {dataset.path} --from PATH")
    people = dataset.person_rows() if hold_out_people else None
    return split(dataset.index(["source", "frame"]), held_out, people)


def _chunks(count: int) -> list[slice]:
    return [slice(start, start + _ROWS_PER_CHUNK) for start in range(0, count, _ROWS_PER_CHUNK)]
