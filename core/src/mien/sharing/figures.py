"""How well a run draws, as its card shows it; an exported run keeps that, since it leaves its evaluations behind."""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.contracts.plugin import without_folders
from mien.counted import counted
from mien.errors import MienError
from mien.evaluation.metric_table import beaten, shown
from mien.evaluation.page import facts_of
from mien.evaluation.report import FILE, Evaluation
from mien.media.files import whole_file
from mien.training.run import TrainedRun
from mien.training.weights import WEIGHTS

FIGURES = "figures.json"


class FiguresTable(BaseModel):
    """What an evaluation says of one person drawn, beside the baselines."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    names: list[str]
    """The model, then the baselines."""
    rows: list[tuple[str, list[str], str]]
    """Heading of a figure, its values in the order of the names, and what it is."""
    sentences: list[str]


class Figures(BaseModel):
    """An evaluation without the names of any files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    weights: str
    """SHA-256 of the weights that were evaluated: those of an exported run are rounded, and so are others."""
    facts: list[str]
    tables: list[FiguresTable]


class _KeptFigures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str
    """SHA-256 of the weights beside which they lie; those of other weights count for nothing."""
    evaluations: list[Figures]


def figures_of(run: TrainedRun) -> list[Figures]:
    """What is known of these very weights, by dataset: the evaluations beside them, else what it was exported with.

    Raises MienError if the file of the latter is not understood.
    """
    kept = _kept(run)
    known = {figures.dataset: figures for figures in (kept.evaluations if kept and kept.weights == run.digest else ())}
    for file in sorted((run.location.folder / "evaluations").glob(f"*/{FILE}")):
        evaluation = Evaluation.read(file.parent)
        if evaluation is not None and evaluation.weights == run.digest:
            known[evaluation.dataset] = _figures(evaluation)
    return [known[dataset] for dataset in sorted(known)]


def write_figures(folder: Path, figures: list[Figures]) -> str:
    """Write FOLDER/figures.json beside its weights, unless there are none; returns the digest of these weights.

    Raises MienError if it may not be written.
    """
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    if figures:
        with whole_file(folder / FIGURES) as partial:
            text = _KeptFigures(weights=digest, evaluations=figures).model_dump_json(indent=2)
            partial.write_text(text, encoding="utf-8")
    return digest


def _kept(run: TrainedRun) -> _KeptFigures | None:
    path = run.location.folder / FIGURES
    if not path.is_file():
        return None
    try:
        return _KeptFigures.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise MienError(
            f"{path}, the figures of the run's card, is not understood: {error}.",
            run.location.again if run.location.installed else f"rm {path}",
        ) from error


def _figures(evaluation: Evaluation) -> Figures:
    """A table for each person drawn, a row for each figure."""
    tables = []
    for person in evaluation.drawn_as:
        (model,), baselines = (evaluation.metrics_of(person, is_baseline=is_baseline) for is_baseline in (False, True))
        drawn = [model, *baselines]
        tables.append(
            FiguresTable(
                title="People who do not exist" if person is None else f"Drawn as {person}",
                names=[metrics.name for metrics in drawn],
                rows=[
                    (column.heading(model), [column.text(metrics) for metrics in drawn], column.meaning)
                    for column in shown(drawn)
                ],
                sentences=beaten(model, baselines),
            )
        )
    # The first fact lists files of the user's.
    which = "held out by training" if evaluation.held_out else "of a dataset that the run was not trained on"
    faces = f"{counted(len(evaluation.rows), 'face')} of {evaluation.candidates}, {which}."
    return Figures(
        dataset=evaluation.dataset,
        weights=evaluation.weights,
        facts=[faces, *map(without_folders, facts_of(evaluation)[1:5])],
        tables=tables,
    )
