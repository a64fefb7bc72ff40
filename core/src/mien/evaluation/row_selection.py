"""Which faces a run is evaluated on: of a dataset it was trained on, only what training never saw."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from mien.counted import counted
from mien.dataset import Dataset
from mien.errors import MienError
from mien.spread import spread
from mien.training.data import training_split
from mien.training.run import DatasetRecord, TrainedRun
from mien.training.sampling import Split, split


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """Rows of a dataset, and what they are."""

    rows: NDArray[np.int64]
    """Ascending."""
    candidates: int
    """How many there were to choose from."""
    held_out: bool
    """Whether they are what training held out; otherwise the run was not trained on the dataset at all."""
    source_ranges: tuple[str, ...]
    """From which files and frames, a line each."""


def choose_rows(run: TrainedRun, dataset: Dataset, most: int, last: float | None = None) -> ChosenRows:
    """The end of each clip, if the run was trained on the dataset, otherwise all of it; at most so many, spread evenly.

    last: this share at the end of each clip; so a run that was not trained on the dataset is evaluated on the same
    rows as one that held them out. Raises MienError if there is none, if it is more than training held out, or if the
    dataset has changed since the run was trained on it and `last` does not say what to take.
    """
    known = any(record.digest == dataset.info.digest for record in run.record.datasets)
    if not known and any(record.path == str(dataset.path.resolve()) for record in run.record.datasets):
        if last is None:
            raise MienError(
                f"{dataset.path} has changed since {run.path} was trained on it: which of its faces training saw "
                "cannot be told. If only clips were added, the end of each clip is still what it held out.",
                f"mien evaluate {run.path} --on {dataset.path} --last {run.record.options.held_out:g}",
            )
        known = True
    candidates = split_of(run, dataset).held_out if known else np.arange(len(dataset))
    if last is not None:
        end = split(dataset.index(["source", "frame"]), last).held_out
        if known and len(np.setdiff1d(end, candidates)):
            raise MienError(
                f"Training saw some of the last {last:g} of {dataset.path}'s clips; it held out "
                f"{run.record.options.held_out:g}.",
                f"mien evaluate {run.path} --on {dataset.path} --last {run.record.options.held_out:g}",
            )
        candidates = end
    if not len(candidates):
        what = "training held nothing out of it" if known else "it holds no face"
        raise MienError(
            f"There is nothing in {dataset.path} to judge {run.path} by: {what}.",
            f"mien evaluate {run.path} --on ANOTHER_DATASET",
        )
    rows = spread(candidates, most)
    return ChosenRows(rows, len(candidates), known, _source_ranges(dataset, rows))


def split_of(run: TrainedRun, dataset: Dataset) -> Split:
    """The rows of a dataset that the run was trained on, and those that it held out."""
    hold_out_people = "known" not in run.model.targets
    return training_split(dataset, run.record.options.held_out, hold_out_people=hold_out_people)


def training_people(run: TrainedRun, among: Sequence[Dataset] = ()) -> dict[str, tuple[Dataset, NDArray[np.int64]]]:
    """The people whom a run was trained on: name → their dataset and the rows of theirs that training saw.

    among: datasets that may be those which a run was trained on that does not say where they lie.
    A name is the person's, or DATASET/PERSON where two datasets share it. Raises MienError if a dataset is gone.
    """
    datasets = [_opened(record, run, among) for record in run.record.datasets]
    names = Counter(name for dataset in datasets for name in dataset.people)
    found: dict[str, tuple[Dataset, NDArray[np.int64]]] = {}
    for dataset in datasets:
        trained_on = split_of(run, dataset).training
        people = dataset.person_rows()[trained_on]
        for number, name in enumerate(dataset.people):
            rows = trained_on[people == number]
            if len(rows):
                found[name if names[name] == 1 else f"{dataset.name}/{name}"] = (dataset, rows)
    return found


def _opened(record: DatasetRecord, run: TrainedRun, among: Sequence[Dataset]) -> Dataset:
    for dataset in among:
        if dataset.info.digest == record.digest:
            return dataset
    if record.path is not None:
        return Dataset.open(Path(record.path))
    raise MienError(
        f"{run.path} was trained on the dataset {record.name}, of {counted(record.faces, 'face')} and the digest "
        f"{record.digest}, and does not say where it lies: whom the run draws can only be measured beside it.",
        f"mien evaluate {run.path} --on DATASET --trained-on {record.name}",
    )


def _source_ranges(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[str, ...]:
    index = dataset.index(["source", "frame"]).take(rows).to_pylist()
    lines = []
    for source, faces in groupby(index, key=lambda row: row["source"]):
        frames = [face["frame"] for face in faces]
        name = PurePath(source).name
        lines.append(name if frames[0] is None else f"{name}: {len(frames)} of frames {frames[0]} to {frames[-1]}")
    return tuple(lines)
