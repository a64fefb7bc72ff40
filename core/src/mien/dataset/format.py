"""Opening a finished dataset and reading it."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mien.dataset.info import FACES, LANDMARKS, MASKS, DatasetInfo, array_file, finish_swap, read_info
from mien.errors import MienError
from mien.plugins.feature_set import FeatureSet


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
        """The folder's name: the person."""
        return self.path.resolve().name

    def __len__(self) -> int:
        return self.info.count

    def images(self, size: int) -> NDArray[np.uint8]:
        """All crops at one size: uint8 (N, size, size, 3), RGB, black where the mask is 0; memory-mapped.

        Raises MienError for a size that the dataset does not hold.
        """
        if size not in self.info.sizes:
            sizes = ", ".join(str(known) for known in self.info.sizes)
            raise MienError(f"{self.path} holds no crops of {size} px; it holds {sizes} px.")
        return cast(NDArray[np.uint8], self._array(f"images{size}"))

    def masks(self) -> NDArray[np.uint8]:
        """The masks of the largest crops: uint8 (N, size, size), 255 is face, 0 is background; memory-mapped."""
        return cast(NDArray[np.uint8], self._array(MASKS))

    def landmarks(self) -> NDArray[np.float32]:
        """float32 (N, 68, 2), iBUG-68, in pixels of the largest crop; memory-mapped."""
        return cast(NDArray[np.float32], self._array(LANDMARKS))

    def feature(self, key: str) -> NDArray[np.float32]:
        """A feature's values: float32 (N, *shape), in its own units; memory-mapped.

        key: as `FeatureSet.features` lists it. Raises MienError with the command that computes it if it is not there.
        """
        self._known_feature(key)
        return cast(NDArray[np.float32], self._array(key))

    def statistics(self, key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A feature's mean, float64 (D,), and covariance over the faces (of N − 1), float64 (D, D); D values a face.

        Raises MienError as `feature`.
        """
        self._known_feature(key)
        return np.load(self._file(f"{key}.mean")), np.load(self._file(f"{key}.cov"))

    def vectors(self, features: FeatureSet, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """The stored features of some rows joined to vectors: float32 (n, F). Raises MienError as `feature`."""
        values = {key: np.asarray(self.feature(key)[rows]) for key, _ in features.features}
        count = len(range(*rows.indices(len(self)))) if isinstance(rows, slice) else len(rows)
        return features.join(values, rows=count)

    def index(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The N faces, in the order of the arrays. Columns: see INDEX_SCHEMA."""
        return self._whole_index(columns).slice(0, len(self))

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
            raise MienError(f"{path} cannot be read: {error}.", f"mien preprocess {self.path} --again") from error
        if len(array) != len(self):
            raise MienError(
                f"{path} has {len(array)} rows, but {self.path} has {len(self)} faces.",
                f"mien preprocess {self.path} --again",
            )
        return array

    def _file(self, name: str) -> Path:
        return array_file(self.path / FACES, name)

    def _known_feature(self, key: str) -> None:
        if all(feature.key != key for feature in self.info.features):
            name, _, settings = key.partition("-")
            choice = f"{name}:{settings}" if settings else name
            raise MienError(
                f"The feature {choice} was not computed for {self.path}.",
                f"mien preprocess {self.path} --features {choice}",
            )
