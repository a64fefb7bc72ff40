"""From the datasets of a run to batches."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from mien.contracts.model import Batch, ModelInputs, Stage
from mien.dataset import Dataset
from mien.errors import MienError
from mien.geometry.expression import expression
from mien.plugins.feature_set import FeatureSet
from mien.training.options import TrainOptions
from mien.training.sampling import Order, Split, repeat_rare, split

_ROWS_PER_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Which faces a batch holds: for every identity the row numbers in its dataset."""

    of_identity: tuple[NDArray[np.int64], ...]

    def describe(self, names: Sequence[str]) -> str:
        """The rows in words, for an error message."""
        return "; ".join(
            f"{name}: {', '.join(map(str, rows))}" for name, rows in zip(names, self.of_identity, strict=True)
        )


class TrainingData:
    """The datasets of a run, one identity each, split into training and held-out faces.

    Raises MienError if two datasets have one name, were preprocessed differently, hold no face, or lack a feature.
    """

    def __init__(self, datasets: Sequence[Dataset], features: FeatureSet, options: TrainOptions) -> None:
        self.datasets = list(datasets)
        self.features = features
        self._check()
        self.splits = [self._split(dataset, options.held_out) for dataset in self.datasets]
        self._epochs = [
            _epoch(dataset, part.training, options.repeat_rare)
            for dataset, part in zip(self.datasets, self.splits, strict=True)
        ]

    @property
    def identities(self) -> tuple[str, ...]:
        """Names of the datasets, in their order."""
        return tuple(dataset.name for dataset in self.datasets)

    @cached_property
    def inputs(self) -> ModelInputs:
        """What the model is told of the data; the feature statistics are over the training rows alone.

        Every identity counts alike, as in a batch, however many faces it has.
        """
        count = sum(len(part.training) for part in self.splits)
        mean = np.mean([self._mean(identity) for identity in range(len(self.splits))], axis=0)
        covariance = np.mean([self._spread_about(identity, mean) for identity in range(len(self.splits))], axis=0)
        return ModelInputs(
            self.identities, self.features.length, count, mean.astype(np.float32), covariance.astype(np.float32)
        )

    def orders(self, *key: int) -> list[Order]:
        """An order over the training rows of each identity. key: as of `Order`."""
        return [Order(rows, *key, identity) for identity, rows in enumerate(self._epochs)]

    def batches(
        self, stage: int, of_model: Stage, seed: int = 0, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """The batches of one stage, for a loop of your own: each face once an epoch, in an order by the seed.

        stage: its number in `Model.stages()`. of_model: that stage; without a length there is no end of batches.
        """
        orders = self.orders(seed, stage, 0)
        for step in itertools.count() if of_model.steps is None else range(of_model.steps):
            rows = BatchRows(tuple(order.block(step, of_model.batch_size) for order in orders))
            progress = 1.0 if of_model.steps is None else step / of_model.steps
            yield self.batch(rows, of_model.resolution, progress, stage, device)

    def held_out(self, most_per_identity: int) -> BatchRows | None:
        """Held-out rows spread evenly over what is held out; None if an identity has none."""
        if any(len(part.held_out) == 0 for part in self.splits):
            return None
        return BatchRows(tuple(_spread(part.held_out, most_per_identity) for part in self.splits))

    def spread(self, most_per_identity: int) -> BatchRows:
        """Training rows spread evenly over each dataset."""
        return BatchRows(tuple(_spread(part.training, most_per_identity) for part in self.splits))

    def batch(
        self,
        rows: BatchRows,
        resolution: int,
        progress: float = 1.0,
        stage: int = -1,
        device: torch.device | str = "cpu",
    ) -> Batch:
        """Gather a batch, identity after identity; what is 8 bit travels to the device as 8 bit.

        On the device the images are channels last in memory.
        """
        picked = list(enumerate(rows.of_identity))
        images = np.concatenate([self.datasets[i].images(resolution)[r] for i, r in picked])
        masks = np.concatenate([self.datasets[i].masks()[r] for i, r in picked])
        features = np.concatenate([self._vectors(i, r) for i, r in picked])
        identities = np.concatenate([np.full(len(r), i, np.int64) for i, r in picked])
        return Batch(
            images=torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1),
            masks=adaptive_avg_pool2d(torch.from_numpy(masks)[:, None].to(device).float().div_(255), resolution),
            features=torch.from_numpy(features).to(device),
            identities=torch.from_numpy(identities).to(device),
            progress=progress,
            stage=stage,
        )

    def _mean(self, identity: int) -> NDArray[np.float64]:
        rows = self.splits[identity].training
        total = sum(self._vectors(identity, part).sum(0, dtype=np.float64) for part in _chunks(rows))
        return np.asarray(total / len(rows))

    def _spread_about(self, identity: int, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean outer product of an identity's vectors about a mean: float64 (F, F)."""
        rows, squares = self.splits[identity].training, np.zeros((len(mean), len(mean)))
        for part in _chunks(rows):
            centered = self._vectors(identity, part) - mean
            squares += centered.T @ centered
        return squares / max(len(rows) - 1, 1)

    def _vectors(self, identity: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.datasets[identity].vectors(self.features, rows)

    @staticmethod
    def _split(dataset: Dataset, held_out: float) -> Split:
        if not len(dataset):
            raise MienError(f"{dataset.path} holds no face.", f"mien preprocess {dataset.path} --from PATH")
        return split(dataset.index(["source", "frame"]), held_out)

    def _check(self) -> None:
        first = self.datasets[0]
        for number, dataset in enumerate(self.datasets[1:], 1):
            if dataset.name in self.identities[:number]:
                raise MienError(
                    f"Two datasets are named {dataset.name!r}: {dataset.path} is one of them. "
                    "The folder's name is the person's name.",
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


def _epoch(dataset: Dataset, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if most == 1:
        return rows
    return repeat_rare(rows, np.stack(expression(dataset.landmarks()[rows]), axis=1), most)


def _chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + _ROWS_PER_CHUNK] for start in range(0, len(rows), _ROWS_PER_CHUNK)]


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
