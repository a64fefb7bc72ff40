"""Runs side by side, evaluated on the same faces."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from mien.dataset import Dataset
from mien.errors import MienError, ReportNotWrittenError, not_losing
from mien.evaluation.evaluate import evaluate, people_drawn
from mien.evaluation.expression_judge import default_expression_judge
from mien.evaluation.html import embedded, table_of, write_html
from mien.evaluation.metric_table import beaten
from mien.evaluation.options import CompareOptions, EvaluateOptions
from mien.evaluation.page import PAGE, facts_of, few_faces
from mien.evaluation.report import Evaluation, Metrics, folder_of
from mien.evaluation.row_selection import choose_rows, training_people
from mien.media.files import check_folder, whole_entries
from mien.plugins.registry import Registry
from mien.plugins.run_location import RunLocation, locate_run
from mien.progress import Progress, Silent
from mien.tracking.recognizer import default_recognizer
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.run import RunRecord, TrainedRun
from mien.training.weights import WEIGHTS

_DATA = "comparison.json"


class Comparison(BaseModel):
    """What `compare` found."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    dataset: str
    names: list[str]
    """What the runs are called: their folders' names, or paths if names are alike."""
    evaluations: list[Evaluation]

    def tables(self) -> dict[str | None, list[tuple[str, Metrics]]]:
        """Person drawn, or None for people who do not exist → run and figures, then the first run's baselines."""
        drawn_as = dict.fromkeys(person for evaluation in self.evaluations for person in evaluation.drawn_as)
        return {person: self._runs(person) + self._baselines(person) for person in drawn_as}

    def sentences(self, person: str | None) -> list[str]:
        """For each run that draws the person, on which figures it is better than its own baselines."""
        sentences = []
        for name, evaluation in zip(self.names, self.evaluations, strict=True):
            for model in evaluation.metrics_of(person, is_baseline=False):
                sentences += beaten(
                    model.model_copy(update={"name": name}), evaluation.metrics_of(person, is_baseline=True)
                )
        return sentences

    def _runs(self, person: str | None) -> list[tuple[str, Metrics]]:
        named = zip(self.names, self.evaluations, strict=True)
        return [
            (name, metrics)
            for name, evaluation in named
            for metrics in evaluation.metrics_of(person, is_baseline=False)
        ]

    def _baselines(self, person: str | None) -> list[tuple[str, Metrics]]:
        first = next(evaluation for evaluation in self.evaluations if person in evaluation.drawn_as)
        return [(baseline.name, baseline) for baseline in first.metrics_of(person, is_baseline=True)]


def compare(
    runs: Sequence[Path | str],
    on: Path,
    *,
    options: CompareOptions | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> Comparison:
    """Put runs side by side, as `evaluate` measures them on a dataset, by default settings.

    A run that is evaluated already, with these weights, on these faces and with these settings, is not evaluated
    again; of another, what RUN/evaluations/NAME_OF_DATASET holds is replaced.
    runs: folders of two trained runs or more, or names of installed ones. on: a dataset. options: on which
    faces, and by what they are recognized; None: the defaults. progress, registry: as of `evaluate`.
    out: a folder to write comparison.json and index.html to; None: they are not written. The evaluation of an installed
    run is written to OUT/evaluations/RUN, which is needed for one.

    Returns the evaluation of each run, and tables of them.
    Raises MienError as `evaluate`; for fewer than two runs; and if the runs are not evaluated on the same faces, as
    when one was trained on the dataset and another was not, or they held out different shares of it. If something turns
    out not to be writable only when it is written, that is a `ReportNotWrittenError`, which holds the comparison.
    """
    if len(runs) < 2:
        raise MienError("There is nothing to compare.", f"mien compare RUN_1 RUN_2 --on {on}")
    registry, progress = registry or Registry(), progress or Silent()
    options = options or CompareOptions()
    locations, dataset = [locate_run(run, registry) for run in runs], Dataset.open(Path(on))
    paths = [location.path for location in locations]
    folders = [_folder(location, dataset, out) for location in locations]
    among = [dataset, *map(Dataset.open, options.trained_on)]
    _refuse_other_faces(paths, dataset, options, registry)
    by = RecognizerRecord.of(options.recognizer or _common_recognizer(locations, dataset, registry), registry).choice
    known = [
        _known(location, folder, dataset, options, by, registry, among)
        for location, folder in zip(locations, folders, strict=True)
    ]
    for folder in [folder for folder, one in zip(folders, known, strict=True) if one is None] + ([out] if out else []):
        check_folder(folder)
    evaluations: list[Evaluation] = []
    unwritten: list[MienError] = []
    for location, folder, already in zip(locations, folders, known, strict=True):
        try:
            evaluations.append(
                already
                or evaluate(
                    location.path,
                    dataset.path,
                    options=EvaluateOptions(
                        faces=options.faces, last=options.last, recognizer=by, trained_on=options.trained_on
                    ),
                    out=folder,
                    progress=progress,
                    registry=registry,
                )
            )
        except ReportNotWrittenError as error:
            evaluations.append(error.report)
            unwritten.append(error)
    first = evaluations[0]
    for evaluation in evaluations[1:]:
        if evaluation.rows != first.rows:  # some were evaluated when more could be read
            lost = next(iter([*first.unreadable, *evaluation.unreadable]), "")
            raise MienError(
                f"Not all faces on which {first.run} and {evaluation.run} are to be evaluated can be read any more: "
                f"{lost}",
                f"Put the images and videos back, or mien preprocess {on} --from PATH",
            )
    names = [evaluation.run for evaluation in evaluations]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    comparison = Comparison(dataset=first.dataset, names=names, evaluations=evaluations)
    with not_losing(comparison):
        if unwritten:
            raise unwritten[0]
        if out is not None:
            _write(out, comparison, folders)
    return comparison


def _folder(run: RunLocation, dataset: Dataset, out: Path | None) -> Path:
    """Where the evaluation of a run lies, or is written. Raises MienError if that is nowhere."""
    if run.installed is None:
        return folder_of(run.folder, dataset.path)
    if out is None:
        raise MienError(
            f"{run.path} is an installed run, and nothing is written beside it.",
            f"mien compare RUN… --on {dataset.path} --out FOLDER",
        )
    return out / "evaluations" / run.installed.spec.name


def _refuse_other_faces(runs: Sequence[Path], dataset: Dataset, options: CompareOptions, registry: Registry) -> None:
    """Raises MienError, before anything is evaluated, if the runs would not be evaluated on the same faces."""
    opened = [TrainedRun.open(run, registry) for run in runs]
    chosen = [choose_rows(run, dataset, options.faces, options.last) for run in opened]
    for run, rows in zip(runs[1:], chosen[1:], strict=True):
        if rows.rows.tolist() != chosen[0].rows.tolist():
            raise MienError(
                f"{runs[0]} and {run} would be evaluated on different faces of {dataset.path}: "
                f"{'; '.join(chosen[0].source_ranges)}, and {'; '.join(rows.source_ranges)}.",
                f"mien compare {' '.join(map(str, runs))} --on {dataset.path} --last {_last_of_all(opened, dataset):g}",
            )


def _common_recognizer(runs: Sequence[RunLocation], dataset: Dataset, registry: Registry) -> str:
    """What all of them were trained with. Raises MienError if they were not trained with the same one."""
    recorded = {run.path: RunRecord.read(run.folder).recognizer for run in runs}
    choices = {run: record.choice for run, record in recorded.items() if record}
    if len(set(choices.values())) > 1:
        by_run = ", ".join(f"{run} with {choice}" for run, choice in choices.items())
        raise MienError(
            f"The runs were trained with different recognizers, and are to be evaluated by one: {by_run}.",
            f"mien compare {' '.join(map(str, recorded))} --on {dataset.path} "
            f"--recognizer {next(iter(choices.values()))}",
        )
    return next(iter(choices.values()), None) or default_recognizer(registry)


def _known(
    run: RunLocation,
    folder: Path,
    dataset: Dataset,
    options: CompareOptions,
    recognizer: str,
    registry: Registry,
    among: Sequence[Dataset],
) -> Evaluation | None:
    """What was evaluated before, if evaluating it again would say the same."""
    known, weights = Evaluation.read(folder), run.folder / WEIGHTS
    if known is None or known.unreadable or not weights.is_file():
        return None
    # Not only the faces: whoever tried another blender or one person alone left that evaluation here.
    results = (known.weights, known.dataset_digest, known.faces_asked, known.last_asked, known.seed, known.drawn_as)
    by = (known.blender, known.extractor, known.recognizer, known.expressions)
    drawn_as = _everybody(run.path, dataset, registry, among)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    asked = (digest, dataset.info.digest, options.faces, options.last, 0, drawn_as)
    expressions = default_expression_judge(registry)
    default = (
        registry.default("blender"),
        dataset.info.extractor,
        RecognizerRecord.of(recognizer, registry),
        RecognizerRecord.of(expressions, registry) if expressions else None,
    )
    return known if (results, by) == (asked, default) else None


def _everybody(run: Path, dataset: Dataset, registry: Registry, among: Sequence[Dataset]) -> list[str | None]:
    """Whom `evaluate` has a run draw."""
    opened = TrainedRun.open(run, registry)
    return people_drawn(opened, None, training_people(opened, among), dataset)


def _last_of_all(runs: Sequence[TrainedRun], dataset: Dataset) -> float:
    """The largest share at the end of each clip that no run was trained on."""
    records = [run.record for run in runs]
    trained = [record for record in records if any(known.digest == dataset.info.digest for known in record.datasets)]
    return min((record.options.held_out for record in trained), default=1.0)


def _write(out: Path, comparison: Comparison, folders: Sequence[Path]) -> None:
    parts = []
    for person, rows in comparison.tables().items():
        part = table_of("People who do not exist" if person is None else f"Drawn as {person}", rows)
        sheets = [folder / f"faces{f'_{person}' if person else ''}.png" for folder in folders]
        part["sentences"] = comparison.sentences(person)
        part["images"] = [
            (name, embedded(sheet.read_bytes()))
            for name, evaluation, sheet in zip(comparison.names, comparison.evaluations, sheets, strict=True)
            if person in evaluation.drawn_as and sheet.is_file()
        ]
        parts.append(part)
    named = zip(comparison.names, comparison.evaluations, strict=True)
    facts = [f"{name}: {evaluation.model}. {line}" for name, evaluation in named for line in facts_of(evaluation)[1:2]]
    with whole_entries(out) as partial:
        _write_page(partial / PAGE, comparison, facts, parts)
        (partial / _DATA).write_text(comparison.model_dump_json(indent=1), encoding="utf-8")


def _write_page(path: Path, comparison: Comparison, facts: Sequence[str], parts: Sequence[dict[str, Any]]) -> None:
    write_html(
        path,
        title=f"{', '.join(comparison.names)} on {comparison.dataset}",
        facts=[
            facts_of(comparison.evaluations[0])[0],
            *facts,
            *few_faces(len(comparison.evaluations[0].rows)),
            "The baselines in a table are those of its first run; each run is compared with its own.",
        ],
        parts=parts,
        images=[],
        provenance="Synthetic: faces drawn by the runs that are compared here.",
    )
