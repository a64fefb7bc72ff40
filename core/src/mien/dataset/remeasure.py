"""Measuring features on faces that a dataset holds already, without finding them again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.contracts.face import FaceCrop
from mien.dataset.format import Dataset
from mien.dataset.npy import NpyWriter
from mien.dataset.scenes import crops_in_scenes, crops_of
from mien.dataset.source_names import source_path
from mien.dataset.tasks import Advanced, Remeasure, Report
from mien.errors import MienError
from mien.media.files import whole_folder
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry

_FACES_AT_ONCE = 64


def remeasure(task: Remeasure, features_text: str, registry: Registry, folder: Path, report: Report) -> None:
    """Write KEY.npy of each of the features for some rows of a dataset, into a folder.

    Raises MienError if a feature fails, naming the face; if it needs the scene and the source is gone or unreadable.
    """
    features = FeatureSet(features_text, registry)
    with whole_folder(folder) as partial:
        writers = {
            key: NpyWriter(partial / f"{key}.npy", tuple(feature.shape), np.float32)
            for key, feature in features.features
        }
        for crops, where in _crops(task, features):
            try:
                values = features.compute(crops)
            except MienError as error:
                raise MienError(f"{where}: {error.message}", error.fix) from error
            for key, writer in writers.items():
                writer.append(values[key])
            report(Advanced(len(crops), len(crops)))
        for writer in writers.values():
            writer.close()


def _crops(task: Remeasure, features: FeatureSet) -> Iterator[tuple[list[FaceCrop], str]]:
    """The faces as they were cut out, some at a time, and where they come from."""
    dataset = Dataset.open(task.dataset)
    start, stop = task.rows
    in_reach = features.cuts_anew and _sources_are_there(dataset, task)
    if features.needs_scene or in_reach:
        for _, crops, where in crops_in_scenes(dataset, range(start, stop), task.raw):
            yield crops, where
        return
    for first in range(start, stop, _FACES_AT_ONCE):
        last = min(first + _FACES_AT_ONCE, stop)
        yield crops_of(dataset, range(first, last)), f"{task.dataset}, faces {first} to {last - 1}"


def _sources_are_there(dataset: Dataset, task: Remeasure) -> bool:
    rows = slice(*task.rows)
    sources = set(dataset.index(["source"])["source"].to_pylist()[rows])
    return all(source_path(task.raw, source).exists() for source in sources)
