"""What a chunk of work leaves on disk: arrays, images and index rows in a folder that is whole or not there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import FaceCrop, RgbImage
from mien.dataset.info import CROPS, LANDMARKS, MASKS
from mien.dataset.npy import NpyWriter, read_rows
from mien.dataset.recipe import Recipe
from mien.geometry.masks import as_uint8_mask
from mien.media.files import whole_folder

Row: TypeAlias = dict[str, Any]
"""A row of the index; columns that are missing are null."""

_IMAGES, _IMAGE_BYTES = "images.bin", "image_bytes.npy"
# Of zlib's settings the fastest that still shrinks masked crops to less than half; run lengths suit black corners. One
# filter for all rows, instead of one chosen for each, leaves the files as small in two thirds of the time.
_PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
)


class ShardWriter:
    """Takes in a chunk's faces one by one."""

    def __init__(self, folder: Path, recipe: Recipe, files: ExitStack) -> None:
        self._recipe = recipe
        self._arrays = {
            name: files.enter_context(NpyWriter(folder / f"{name}.npy", shape, dtype))
            for name, (dtype, shape) in recipe.arrays.items()
        }
        self._images = _ImagesWriter(folder, len(recipe.sizes), files) if recipe.images else None
        self.kept: list[Row] = []
        self.dropped: list[Row] = []

    def keep(self, crop: FaceCrop, values: Mapping[str, NDArray[np.float32]], row: Row) -> None:
        """Add a face, masked. values: key → float32 (*shape); what the recipe does not ask for is left out."""
        copies = dict(_copies(crop, self._recipe.sizes))
        for size, image in copies.items():
            self._arrays[f"images{size}"].append(image[None])
        if self._images:
            self._images.append([copies[size] for size in self._recipe.sizes])
        self._arrays[CROPS].append(crop.image[None])
        self._arrays[MASKS].append(as_uint8_mask(crop.mask)[None])
        landmarks = np.full((68, 2), np.nan) if crop.landmarks is None else crop.landmarks
        self._arrays[LANDMARKS].append(landmarks[None].astype(np.float32))
        for feature in self._recipe.features:
            self._arrays[feature.key].append(values[feature.key][None])
        self.kept.append(row)

    def drop(self, row: Row) -> None:
        """Add a row about what is not kept."""
        self.dropped.append(row)


class _ImagesWriter:
    """Writes the PNGs of all faces into one file, one behind the other: the many small files that a dataset has of them
    are only made when it is put together."""

    def __init__(self, folder: Path, sizes: int, files: ExitStack) -> None:
        self._file: BinaryIO = files.enter_context((folder / _IMAGES).open("xb"))
        self._lengths = files.enter_context(NpyWriter(folder / _IMAGE_BYTES, (sizes,), np.int64))

    def append(self, images: Sequence[RgbImage]) -> None:
        pngs = [cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _PNG)[1] for image in images]
        for png in pngs:
            self._file.write(png.data)
        self._lengths.append(np.array([[len(png) for png in pngs]], np.int64))


@contextmanager
def writing_shard(folder: Path, recipe: Recipe) -> Iterator[ShardWriter]:
    """Write a shard, which appears whole when the block ends.

    Raises MienError if the disk is full or may not be written.
    """
    with whole_folder(folder) as partial:
        with ExitStack() as files:
            writer = ShardWriter(partial, recipe, files)
            yield writer
        rows = {"kept": writer.kept, "dropped": writer.dropped}
        (partial / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


def faces_in(folder: Path) -> int:
    """How many faces a shard holds; 0 for a folder that is none."""
    file = folder / f"{LANDMARKS}.npy"
    return len(np.load(file, mmap_mode="r")) if file.exists() else 0


def _copies(crop: FaceCrop, sizes: Sequence[int]) -> Iterator[tuple[int, RgbImage]]:
    """The small copies, largest first: the masked crop averaged over areas, and rounded once."""
    if not sizes:
        return
    masked = crop.masked_image
    # Means of means, which are those of the whole as long as they are not rounded: exact in float32, and much quicker.
    means = masked.astype(np.float32)
    for size in reversed(sizes):
        if size == crop.size:
            yield size, masked
            continue
        means = cv2.resize(means, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
        yield size, np.rint(means).astype(np.uint8)


def shard_images(folder: Path, rows: range) -> Iterator[list[bytes]]:
    """The PNGs of some rows of a shard, for each row those of its small copies, smallest first.

    Raises ValueError if a file is shorter than it should be.
    """
    lengths = read_rows(folder / _IMAGE_BYTES, range(rows.stop))
    with (folder / _IMAGES).open("rb") as file:
        file.seek(int(lengths[: rows.start].sum()))
        for row in lengths[rows.start :].tolist():
            images = [file.read(length) for length in row]
            if [len(image) for image in images] != row:
                raise ValueError(f"{file.name} is shorter than {_IMAGE_BYTES} says")
            yield images
