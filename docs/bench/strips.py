"""Judging the results page's runs, and keeping a few drawn faces of each for its strips."""

from pathlib import Path

import numpy as np
from experiments import HELD_OUT, Experiment
from numpy.typing import NDArray

from mien import Registry
from mien.evaluation import Evaluation
from mien.evaluation.evaluate import judge
from mien.evaluation.judging import Judgement
from mien.evaluation.page import write_page
from mien.evaluation.report import folder_of
from mien.progress import Progress
from mien.run import TrainedRun

FACES = 6
_FILE = "strip.npz"


def judged(
    experiment: Experiment, work: Path, person: str, faces: int, progress: Progress, registry: Registry
) -> Evaluation:
    """The judgement of a run on the end of a person's clips; one of the same weights that is there already counts."""
    run, dataset = work / "runs" / experiment.name, work / person
    folder = folder_of(run, dataset)
    known = Evaluation.read(folder)
    if known and known.weights == TrainedRun.open(run, registry).digest:
        return known
    judgement = judge(run, dataset, faces=faces, last=HELD_OUT, progress=progress, registry=registry)
    write_page(folder, judgement)
    judgement.evaluation.write(folder)
    _keep(folder, judgement)
    return judgement.evaluation


def strip(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """What was kept: "original", and "PERSON/drawer" or "/drawer" for strangers, uint8 (FACES, S, S, 3) each."""
    with np.load(folder / _FILE) as kept:
        return {name: kept[name] for name in kept.files}


def _keep(folder: Path, judgement: Judgement) -> None:
    picked = np.linspace(0, len(judgement.crops) - 1, FACES).round().astype(int)
    pictures = {"original": np.stack([judgement.crops[number].image for number in picked])}
    masks = np.stack([judgement.crops[number].mask for number in picked])
    for one in judgement.judged:
        small = one.pictures[picked]
        factor = masks.shape[1] // small.shape[1]
        shown = masks[:, ::factor, ::factor, None] > 0.5
        pictures[f"{one.drawn_as or ''}/{one.drawer.name}"] = np.where(shown, small, 0).astype(np.uint8)
    np.savez_compressed(folder / _FILE, **pictures)
