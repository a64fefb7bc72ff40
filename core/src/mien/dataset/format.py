"""What a dataset on disk holds, and opening it.

DATASET/faces/dataset.json                  DatasetInfo; written last, so what has none is not finished
DATASET/faces/index.parquet                 INDEX_SCHEMA: the N faces in the order of the arrays, then what was dropped
DATASET/faces/images/S/000123.png           the crop of row 123 at S×S pixels
DATASET/faces/arrays/imagesS.npy            uint8 (N, S, S, 3), RGB, black where the mask is 0
DATASET/faces/arrays/masks.npy              uint8 (N, size, size), 255 is face
DATASET/faces/arrays/landmarks68.npy        float32 (N, 68, 2), in pixels of the largest crop
DATASET/faces/arrays/KEY.npy                float32 (N, *shape) for each feature, with KEY.mean.npy and KEY.cov.npy
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from mien.alignment import AlignmentConfig
from mien.errors import MienError
from mien.features import FeatureSet

FORMAT_VERSION = 1
FACES = "faces"
NEXT_FACES = ".faces.new"
OLD_FACES = ".faces.old"
MASKS = "masks"
LANDMARKS = "landmarks68"

INDEX_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),  # relative to raw/, or absolute if it lies elsewhere
        pa.field("frame", pa.int64()),  # from 0; null for pictures
        pa.field("pts", pa.int64()),  # presentation time in the video's time base
        pa.field("face", pa.int32()),  # from 0, surest first; null where there is no face
        pa.field("box", pa.list_(pa.float64(), 4)),  # left, top, right, bottom in image pixels
        pa.field("to_crop", pa.list_(pa.float64(), 6)),  # rows of the (2, 3) transform, image to crop pixels
        pa.field("score", pa.float64()),  # the extractor's own scale
        pa.field("sharpness", pa.float64()),  # variance of the Laplacian of the gray levels (0 to 255) in the mask
        pa.field("dropped", pa.string()),  # null for the N faces; else "why" or "why: details"
        pa.field("source_size", pa.int64(), nullable=False),  # bytes
        pa.field("source_mtime_ns", pa.int64(), nullable=False),
    ]
)

NO_FACE = "no face"
UNREADABLE = "unreadable"
FAILED = "failed"
ANOTHER_PERSON = "another person"
NOT_LARGEST = "not the largest face"


class FeatureInfo(BaseModel):
    """A feature that a dataset holds."""

    model_config = ConfigDict(frozen=True)

    choice: str
    """What the user would type for it, all settings spelled out."""
    key: str
    """Stem of its files in arrays/."""
    distribution: str
    version: str
    shape: tuple[int, ...]
    bounds: tuple[float, float]


class Counts(BaseModel):
    """What became of the pictures and frames."""

    model_config = ConfigDict(frozen=True)

    read: int
    """Pictures and frames that were read."""
    faces: int
    """Faces kept: N."""
    no_face: int
    """Pictures and frames in which no face was found."""
    unreadable: int
    """Files, or stretches of a video, that could not be read."""
    failed: int
    """Pictures and frames on which a plugin failed."""
    dropped: int
    """Faces found but not kept."""


class DatasetInfo(BaseModel):
    """What dataset.json says."""

    model_config = ConfigDict(frozen=True)

    format_version: int
    mien_version: str
    extractor: str
    """What the user would type for it, all settings spelled out."""
    extractor_distribution: str
    extractor_version: str
    alignment: AlignmentConfig
    features: tuple[FeatureInfo, ...]
    sizes: tuple[int, ...]
    """Sides of the crops, in pixels, smallest first."""
    count: int
    """Number of faces N."""
    digest: str
    """SHA-256 over the largest crops, masks and landmarks of all faces: what the dataset is, wherever it lies."""
    counts: Counts
    reasons: dict[str, int]
    """Why something is not among the faces → how often."""
    pictures: bool
    """Whether images/ was written."""
    largest: bool
    """Whether only the largest face of a picture was kept."""
    keep_person: tuple[float, ...] | None
    """Encoding of the person whose faces alone were kept."""
    sources: tuple[str, ...] | None
    """Absolute paths that the pictures came from; None: from raw/."""


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

    def dropped(self) -> pa.Table:
        """What is not among the faces, with the reason in `dropped`: faces not kept, and pictures or frames without."""
        return self._whole_index(None).slice(len(self))

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


def array_file(faces: Path, name: str) -> Path:
    """Where an array of a faces folder lies."""
    return faces / "arrays" / f"{name}.npy"


def picture_file(faces: Path, size: int, row: int) -> Path:
    """Where the picture of a row lies."""
    return faces / "images" / str(size) / f"{row:06d}.png"


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """2, 4, 8, … up to the largest crop."""
    return tuple(2**power for power in range(1, largest.bit_length()))


def read_info(path: Path) -> DatasetInfo | None:
    """What DATASET's dataset.json says; None if there is none.

    Raises MienError if it is damaged, or if a newer mien has written it.
    """
    file = path / FACES / "dataset.json"
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MienError(f"{file} cannot be read: {error.strerror}.", f"ls -l {file}") from error
    try:
        version = _FormatVersion.model_validate_json(text).format_version
        if version > FORMAT_VERSION:
            raise MienError(
                f"{file} has the format version {version}; this mien knows up to {FORMAT_VERSION}.",
                "pip install --upgrade mien",
            )
        return DatasetInfo.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MienError(
            f"{file} is damaged: {f'{where}: ' if where else ''}{first['msg']}.",
            f"rm {file} && mien preprocess {path}",
        ) from error


def finish_swap(path: Path) -> None:
    """Finish what a run left that was stopped between taking the old faces away and putting the new ones there.

    The old ones are only taken away when the new ones are whole.
    """
    if (path / FACES).exists() or not (path / OLD_FACES).exists():
        return
    whole = path / NEXT_FACES if (path / NEXT_FACES / "dataset.json").exists() else path / OLD_FACES
    whole.rename(path / FACES)


def category(reason: str) -> str:
    """ "unreadable: truncated file" → "unreadable"."""
    return reason.partition(":")[0]


def count_reasons(dropped: pa.Table) -> dict[str, int]:
    """How often each category of reasons stands in a table of dropped rows."""
    counted = pc.value_counts(dropped.column("dropped")).to_pylist()
    totals: dict[str, int] = {}
    for entry in counted:
        name = category(entry["values"])
        totals[name] = totals.get(name, 0) + entry["counts"]
    return totals


class _FormatVersion(BaseModel):
    format_version: int
