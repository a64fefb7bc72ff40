"""Opening a finished dataset and reading it."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mien.counted import counted
from mien.dataset.info import (
    CROPS,
    FACES,
    LANDMARKS,
    LARGEST_COPY_PX,
    MASKS,
    DatasetInfo,
    array_file,
    command_to_remake,
    copy_sizes,
    finish_swap,
    read_info,
)
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.plugins.choice import parse_choice
from mien.plugins.feature_set import FeatureSet, feature_key
from mien.plugins.registry import Registry


class Dataset:
    """A finished dataset, read only. Row i of every array, and of the index, is the same face."""

    def __init__(self, path: Path, info: DatasetInfo) -> None:
        self.path = path
        """The DATASET folder."""
        self.info = info

    @classmethod
    def open(cls, path: Path) -> "Dataset":
        """Open DATASET.

        Raises MienError with the command that makes it if there is none, if preprocessing has not been finished, or if
        a newer mien has written it.
        """
        path = Path(path)
        finish_swap(path)
        info = read_info(path)
        if info is None:
            begun = (path / FACES).exists()
            what = "has not been finished" if begun else "does not exist"
            raise MienError(f"The dataset {path} {what}.", f"mien preprocess {path}")
        return cls(path, info)

    @property
    def name(self) -> str:
        """The folder's name: that of its person, unless there are several."""
        return self.path.resolve().name

    def __len__(self) -> int:
        return self.info.count

    def crops(self) -> NDArray[np.uint8]:
        """The crops, whole: uint8 (N, S, S, 3), RGB, for the side S of `info.size`; memory-mapped."""
        return cast(NDArray[np.uint8], self._array(CROPS))

    def masks(self) -> NDArray[np.uint8]:
        """What of them is face: uint8 (N, S, S), 255 is face, 0 is background; memory-mapped."""
        return cast(NDArray[np.uint8], self._array(MASKS))

    def landmarks(self) -> NDArray[np.float32]:
        """float32 (N, 68, 2), iBUG-68, in pixels of the crops; NaN of a face whose landmarks are not known;
        memory-mapped."""
        return cast(NDArray[np.float32], self._array(LANDMARKS))

    def images(self, size: int) -> NDArray[np.uint8]:
        """The small copies of one size: uint8 (N, size, size, 3), RGB, black where the mask is 0; memory-mapped.

        Raises MienError for a size that was not written.
        """
        if size not in self.info.sizes:
            held = ", ".join(str(known) for known in self.info.sizes)
            can_be = size in copy_sizes(LARGEST_COPY_PX)
            larger = self.info.alignment.model_copy(update={"size": max(size, self.info.size)})
            raise MienError(
                f"{self.path} holds no copies of {size} px; it holds {f'{held} px' if held else 'none'}.",
                self.to_remake(larger, copies=True) if can_be else f"Dataset.crops() are {self.info.size} px large.",
            )
        return cast(NDArray[np.uint8], self._array(f"images{size}"))

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Names of the people whose faces are here, in the order of their first."""
        return tuple(self._person_column.unique().to_pylist())

    def person_rows(self) -> NDArray[np.int64]:
        """Whose face each row is: int64 (N,), an index into `people`."""
        number = {name: index for index, name in enumerate(self.people)}
        return np.array([number[name] for name in self._person_column.to_pylist()], np.int64)

    def tracks(self) -> NDArray[np.int64]:
        """Which face of a video each row is followed as: int64 (N,), unique in the dataset; −1: of a single image."""
        return np.asarray(pc.fill_null(self.index(["track"])["track"], -1).to_numpy(), np.int64)

    def require_size(self, size: int) -> None:
        """Raise MienError if the crops are smaller than so many pixels, with the command that makes larger ones."""
        if size > self.info.size:
            larger = self.info.alignment.model_copy(update={"size": size})
            raise MienError(
                f"{self.path} holds crops of {self.info.size} px, which is less than {size} px.",
                self.to_remake(larger),
            )

    @cached_property
    def _person_column(self) -> pa.ChunkedArray:
        return self.index(["person"])["person"]

    def to_remake(self, alignment: AlignmentConfig | None = None, *, copies: bool | None = None) -> str:
        """The command that makes it anew of the same sources, as it was made. alignment, copies: but cut like that, and
        with small copies or without."""
        options = self.info.as_options(alignment=alignment, copies=copies)
        return command_to_remake(self.path, self.info.sources, options)

    def feature(self, key: str) -> NDArray[np.float32]:
        """A feature's values: float32 (N, *shape), in its own units; memory-mapped.

        key: as `FeatureSet.features` lists it, or as the command line takes it, as "landmarks:points=5".
        Raises MienError with the command that computes it if it is not there.
        """
        key = self._key(key)
        self._require_features([key])
        return cast(NDArray[np.float32], self._array(key))

    def statistics(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A feature's mean, float64 (D,), and covariance over the faces (of N − 1), float64 (D, D); D values a face.

        Raises MienError as `feature`.
        """
        key = self._key(key)
        self._require_features([key])
        return np.load(self._file(f"{key}.mean")), np.load(self._file(f"{key}.cov"))

    def vectors(self, features: FeatureSet, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """The stored features of some rows joined to vectors: float32 (n, F). Raises MienError as `feature`."""
        self._require_features([key for key, _ in features.features])
        values = {key: np.asarray(self.feature(key)[rows]) for key, _ in features.features}
        count = len(range(*rows.indices(len(self)))) if isinstance(rows, slice) else len(rows)
        return features.join(values, rows=count)

    def index(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The N faces, in the order of the arrays. Columns: see INDEX_SCHEMA; `person` is never null here."""
        faces = self._whole_index(columns).slice(0, len(self))
        if "person" in faces.column_names:
            # The file does not say the dataset's own name, which is its folder's, and that may be renamed.
            named = pc.fill_null(faces["person"], self.name)
            faces = faces.set_column(faces.column_names.index("person"), "person", named)
        return faces

    def dropped(self, columns: Sequence[str] | None = None) -> pa.Table:
        """What is not among the faces, with the reason in `dropped`: faces not kept, and images or frames without."""
        return self._whole_index(columns).slice(len(self))

    def _whole_index(self, columns: Sequence[str] | None) -> pa.Table:
        return pq.read_table(self.path / FACES / "index.parquet", columns=list(columns) if columns else None)

    def _array(self, name: str) -> NDArray[np.generic]:
        path = self._file(name)
        try:
            array: NDArray[np.generic] = np.load(path, mmap_mode="r" if len(self) else None)
        except (OSError, ValueError) as error:
            raise MienError(f"{path} cannot be read: {error}.", self.to_remake()) from error
        if len(array) != len(self):
            raise MienError(
                f"{path} has {counted(len(array), 'row')}, but {self.path} has {counted(len(self), 'face')}.",
                self.to_remake(),
            )
        return array

    def _file(self, name: str) -> Path:
        return array_file(self.path / FACES, name)

    def _key(self, named: str) -> str:
        """The key of the feature that is meant, by its key or by its choice."""
        stored = {feature.key: parse_choice(feature.choice) for feature in self.info.features}
        if named in stored:
            return named
        with suppress(MienError):
            asked = parse_choice(named)
            if same := [key for key, choice in stored.items() if choice == asked]:
                return same[0]
            _, config = Registry().configure("feature", asked)  # which knows the settings that were left out
            return feature_key(asked.name, config)
        return named

    def _require_features(self, keys: Sequence[str]) -> None:
        """Raise MienError if some were not computed, with the command that computes them beside those that were."""
        stored = {feature.key: feature.choice for feature in self.info.features}
        if missing := [_choice_of(key) for key in keys if key not in stored]:
            were = "s {} were" if len(missing) > 1 else " {} was"
            raise MienError(
                f"The feature{were.format(' and '.join(missing))} not computed for {self.path}.",
                f"mien preprocess {self.path} {self.info.as_options(features='+'.join([*stored.values(), *missing]))}",
            )


def _choice_of(key: str) -> str:
    """A feature as the user would type it. key: as `FeatureSet.features` lists it."""
    name, _, settings = key.partition("-")
    return f"{name}:{settings}" if settings else name
