"""The rows of several datasets, one after the other: what is stored of each, and which are around it in its track."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.dataset import Dataset
from mien.dataset.scenes import crops_of
from mien.geometry.alignment import AlignmentConfig, NotCoveredError, recut
from mien.geometry.masks import as_uint8_mask
from mien.plugins.feature_set import FeatureSet
from mien.training.batch import CropArrays


class JoinedDatasets:
    """Datasets whose rows are counted as if they were one: those of the second after those of the first, and so on.

    rows: int64 (N,) wherever they are named, in any order.
    """

    def __init__(self, datasets: Sequence[Dataset], features: FeatureSet, encodings: str | None) -> None:
        """encodings: the feature that is given as encodings of faces; None: none is."""
        self._datasets, self._features, self._encodings_key = datasets, features, encodings
        self._starts = np.cumsum([0, *(len(dataset) for dataset in datasets)])
        self._opened: dict[tuple[str, str], NDArray[Any]] = {}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def joined(self, parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Rows of each of the datasets, int64 (n,), as rows of all of them."""
        joined: NDArray[np.int64] = np.concatenate([r + start for r, start in zip(parts, self._starts, strict=False)])
        return joined

    def by_dataset(
        self, rows: NDArray[np.int64]
    ) -> Iterator[tuple[int, Dataset, NDArray[np.int64], NDArray[np.int64]]]:
        """Number of the dataset, dataset, its own row numbers, and where they stand among the rows."""
        places = np.searchsorted(self._starts, rows, side="right") - 1
        for number, dataset in enumerate(self._datasets):
            at = np.flatnonzero(places == number)
            if len(at):
                yield number, dataset, rows[at] - self._starts[number], at

    def arrays(
        self, rows: NDArray[np.int64], people: NDArray[np.int64], alignment: AlignmentConfig | None = None
    ) -> CropArrays:
        """The rows' crops, cut anew if an alignment is asked for that is not the datasets'.

        people: int64 (N,), as in `Batch.people`. Raises MienError if a stored crop does not cover what is asked for.
        """
        parts = list(self.by_dataset(rows))

        def gathered(read: str) -> NDArray[np.generic]:
            found = [(np.asarray(self._stored(dataset, read)[own]), at) for _, dataset, own, at in parts]
            result = np.empty((len(rows), *found[0][0].shape[1:]), found[0][0].dtype)
            for values, at in found:
                result[at] = values
            return result

        tracks = np.full(len(rows), -1, np.int64)
        for number, dataset, own, at in parts:
            of_dataset = self._stored(dataset, "tracks")[own]
            # A track's number counts within its dataset.
            tracks[at] = np.where(of_dataset < 0, -1, of_dataset * len(self._datasets) + number)
        if alignment is not None and alignment != self._datasets[0].info.alignment:
            arrays: tuple[NDArray[np.generic], ...] = self._recut(parts, len(rows), alignment)
        else:
            arrays = tuple(gathered(what) for what in ("crops", "masks", "landmarks"))
        images, masks, landmarks = arrays
        return CropArrays(
            images=images.astype(np.uint8, copy=False),
            masks=masks.astype(np.uint8, copy=False),
            landmarks=landmarks.astype(np.float32, copy=False),
            features=self.vectors(rows),
            people=people,
            tracks=tracks,
            encodings=None if self._encodings_key is None else self.encodings(rows),
        )

    @staticmethod
    def _recut(
        parts: Sequence[tuple[int, Dataset, NDArray[np.int64], NDArray[np.int64]]],
        count: int,
        alignment: AlignmentConfig,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        """Crops, masks and landmarks by another alignment. Raises MienError if a stored crop does not cover it."""
        images = np.empty((count, alignment.size, alignment.size, 3), np.uint8)
        masks = np.empty((count, alignment.size, alignment.size), np.uint8)
        landmarks = np.full((count, 68, 2), np.nan, np.float32)
        for _, dataset, own, at in parts:
            stored = dataset.info.alignment
            for place, crop in zip(at, crops_of(dataset, own.tolist()), strict=True):
                try:
                    cut = recut(crop, alignment, stored)
                except NotCoveredError as error:
                    error.fix = dataset.to_remake(error.wider)
                    raise
                images[place], masks[place] = cut.image, as_uint8_mask(cut.mask)
                if cut.landmarks is not None:
                    landmarks[place] = cut.landmarks
        return images, masks, landmarks

    def _stored(self, dataset: Dataset, read: str) -> NDArray[Any]:
        """crops, masks, landmarks or tracks of a dataset, opened once."""
        key = (str(dataset.path), read)
        if key not in self._opened:
            self._opened[key] = getattr(dataset, read)()
        return self._opened[key]

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The features of the rows, joined to one vector each: float32 (N, length)."""
        result = np.zeros((len(rows), self._features.length), np.float32)
        for _, dataset, own, at in self.by_dataset(rows):
            result[at] = dataset.vectors(self._features, own)
        return result

    def encodings(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The encodings of the rows, float32 (N, length)."""
        key = self._encodings_key or ""
        parts = [(dataset.feature(key)[own].reshape(len(own), -1), at) for _, dataset, own, at in self.by_dataset(rows)]
        result = np.zeros((len(rows), parts[0][0].shape[1]), np.float32)
        for values, at in parts:
            result[at] = values
        return result

    def landmarks_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32 (N, 68, 2), in pixels of the stored crops; NaN where they are not known."""
        result = np.full((len(rows), 68, 2), np.nan, np.float32)
        for _, dataset, own, at in self.by_dataset(rows):
            result[at] = dataset.landmarks()[own]
        return result

    def window_rows(self, rows: NDArray[np.int64], before: int, after: int) -> NDArray[np.int64]:
        """int64 (N·(before + 1 + after),): the rows of each row's track around it; where it ends, the nearest."""
        result = np.empty((len(rows), before + 1 + after), np.int64)
        for _, dataset, own, at in self.by_dataset(rows):
            tracks = self._stored(dataset, "tracks")
            start = rows[at[0]] - own[0]
            for row, place in zip(own, at, strict=True):
                of_track = np.flatnonzero(tracks == tracks[row]) if tracks[row] >= 0 else np.array([row])
                middle = int(np.searchsorted(of_track, row))
                near = np.clip(np.arange(middle - before, middle + after + 1), 0, len(of_track) - 1)
                result[place] = of_track[near] + start
        rows_around: NDArray[np.int64] = result.reshape(-1)
        return rows_around

    def describe(self, rows: NDArray[np.int64]) -> str:
        """The rows in words, for an error message."""
        places = np.searchsorted(self._starts, rows, side="right") - 1
        parts = []
        for number in np.unique(places):
            own = rows[places == number] - self._starts[number]
            parts.append(f"{self._datasets[number].name}: {', '.join(map(str, own))}")
        return "; ".join(parts)
