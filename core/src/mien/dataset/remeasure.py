"""Measuring features on faces that a dataset holds already, without finding them again."""

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from mien.dataset.format import Dataset
from mien.dataset.messages import Advanced, Begin, Remeasure
from mien.dataset.npy import NpyWriter
from mien.errors import MienError
from mien.face import FaceCrop, RgbImage
from mien.features import FeatureSet
from mien.files import whole_folder
from mien.pictures import read_picture

_FACES_AT_ONCE = 64


def remeasure(task: Remeasure, begin: Begin, tell: Callable[[Advanced], None]) -> None:
    """Write KEY.npy of the recipe's features for some rows of a dataset, as a folder of the work folder.

    Raises MienError if a feature fails, naming the face; if it needs the scene and the source is gone or unreadable.
    """
    features = FeatureSet(begin.recipe.features_text, begin.registry)
    with whole_folder(begin.work / task.key) as partial:
        writers = {
            key: NpyWriter(partial / f"{key}.npy", tuple(feature.shape), np.float32)
            for key, feature in features.features
        }
        for crops, where in _crops(task, features.needs_scene):
            try:
                values = features.compute(crops)
            except MienError as error:
                raise MienError(f"{where}: {error.message}", error.fix) from error
            for key, writer in writers.items():
                writer.append(values[key])
            tell(Advanced(len(crops), len(crops)))
        for writer in writers.values():
            writer.close()


def _crops(task: Remeasure, with_scene: bool) -> Iterator[tuple[list[FaceCrop], str]]:
    """The faces as they were cut out, some at a time, and where they come from."""
    dataset = Dataset.open(task.dataset)
    start, stop = task.rows
    images, masks, landmarks = dataset.images(dataset.info.sizes[-1]), dataset.masks(), dataset.landmarks()
    index = dataset.index(["source", "frame", "to_crop"]).slice(start, stop - start).to_pylist()

    def crop(row: int, scene: RgbImage | None) -> FaceCrop:
        to_crop = np.array(index[row - start]["to_crop"]).reshape(2, 3)
        mask = (masks[row] / 255).astype(np.float32)
        return FaceCrop(np.array(images[row]), mask, np.array(landmarks[row]), to_crop, scene)

    if not with_scene:
        for first in range(start, stop, _FACES_AT_ONCE):
            last = min(first + _FACES_AT_ONCE, stop)
            yield [crop(row, None) for row in range(first, last)], f"{task.dataset}, faces {first} to {last - 1}"
        return
    by_picture = groupby(
        range(start, stop), key=lambda row: (index[row - start]["source"], index[row - start]["frame"])
    )
    wanted = [(source, frame, list(rows)) for (source, frame), rows in by_picture]
    for source, pictures in groupby(wanted, key=lambda picture: picture[0]):
        of_source = list(pictures)
        for (_, frame, rows), scene in zip(of_source, _scenes(task.raw / source, of_source), strict=True):
            where = f"{source}, frame {frame}" if frame is not None else str(source)
            yield [crop(row, scene) for row in rows], where


def _scenes(path: Path, wanted: list[tuple[Any, Any, Any]]) -> Iterator[RgbImage]:
    """The pictures themselves, in the order of the index."""
    frames = [frame for _, frame, _ in wanted]
    if frames[0] is None:
        yield read_picture(path)
        return
    from mien.video import VideoSource  # loads PyAV, which pictures do without

    with VideoSource(path) as video:
        needed = set(frames)
        for frame in video.frames(frames[0], frames[-1] + 1):
            if frame.index in needed:
                yield frame.image
