"""Evaluating the results page's runs, and keeping a few drawn faces of each for its strips."""

from pathlib import Path

import numpy as np
from experiments import HELD_OUT, Experiment
from numpy.typing import NDArray

from mien import Registry
from mien.evaluation import Evaluation
from mien.evaluation.evaluate import measure
from mien.evaluation.options import EvaluateOptions
from mien.evaluation.page import write_page
from mien.evaluation.report import folder_of
from mien.evaluation.results import EvaluationResult
from mien.progress import Progress
from mien.spread import spread_indices
from mien.training.run import TrainedRun

FACES = 6
_FILE = "strip.npz"


def evaluate_once(
    experiment: Experiment, work: Path, person: str, faces: int, progress: Progress, registry: Registry
) -> Evaluation:
    """The result of a run on the end of a person's clips; one of the same weights that is there already counts."""
    run, dataset = work / "runs" / experiment.name, experiment.dataset(work, person)
    folder = folder_of(run, dataset)
    known = Evaluation.read(folder)
    if known and known.weights == TrainedRun.open(run, registry).digest:
        return known
    result = measure(
        run, dataset, options=EvaluateOptions(faces=faces, last=HELD_OUT), progress=progress, registry=registry
    )
    write_page(folder, result)
    result.evaluation.write(folder)
    _keep(folder, result)
    return result.evaluation


def strip(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """What was kept, uint8 (FACES, S, S, 3) each: "original", "PERSON/predictor", "/predictor" for synthetic people."""
    with np.load(folder / _FILE) as kept:
        return {name: kept[name] for name in kept.files}


def _keep(folder: Path, result: EvaluationResult) -> None:
    picked = spread_indices(len(result.crops), FACES)
    images = {"original": np.stack([result.crops[number].image for number in picked])}
    masks = np.stack([result.crops[number].mask for number in picked])
    for drawn in result.results:
        small = drawn.images[picked]
        factor = masks.shape[1] // small.shape[1]
        shown = masks[:, ::factor, ::factor, None] > 0.5
        images[f"{drawn.drawn_as or ''}/{drawn.predictor.name}"] = np.where(shown, small, 0).astype(np.uint8)
    np.savez_compressed(folder / _FILE, **images)
