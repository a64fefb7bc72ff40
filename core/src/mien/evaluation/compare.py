"""Runs side by side, judged by the same faces."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mien.dataset import Dataset
from mien.errors import MienError
from mien.evaluation.evaluate import DEFAULT_FACES, evaluate
from mien.evaluation.html import embedded, table_of, write_html
from mien.evaluation.page import PAGE, facts_of
from mien.evaluation.report import Evaluation, Figures, folder_of
from mien.files import whole_file
from mien.progress import Progress, Silent
from mien.registry import Registry
from mien.run import WEIGHTS

_DATA = "comparison.json"


class Comparison(BaseModel):
    """What `compare` found."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    dataset: str
    evaluations: list[Evaluation]

    def tables(self) -> dict[str | None, list[tuple[str, Figures]]]:
        """Person drawn, or None for people who do not exist → run and figures, then the first run's baselines."""
        drawn_as = dict.fromkeys(person for one in self.evaluations for person in one.drawn_as)
        tables = {}
        for person in drawn_as:
            runs = [(one.run, figures) for one in self.evaluations for figures in one.of(person, learnt=True)]
            first = next(one for one in self.evaluations if person in one.drawn_as)
            tables[person] = runs + [(baseline.name, baseline) for baseline in first.of(person, learnt=False)]
        return tables


def compare(
    runs: Sequence[Path],
    on: Path,
    *,
    faces: int = DEFAULT_FACES,
    last: float | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> Comparison:
    """Put runs side by side, as judged on a dataset. What is judged already, with these weights, is not judged again.

    faces, last: as of `evaluate`. out: a folder to write comparison.json and index.html to; None: nothing is written.

    Raises MienError as `evaluate`; and if the runs are not judged by the same faces, as when one was trained on the
    dataset and another was not, or they held out different shares of it.
    """
    if len(runs) < 2:
        raise MienError("There is nothing to compare.", f"mien compare RUN_1 RUN_2 --on {on}")
    registry, progress = registry or Registry(), progress or Silent()
    evaluations = [_judged(Path(run), Path(on), faces, last, progress, registry) for run in runs]
    first = evaluations[0]
    for one in evaluations[1:]:
        if one.rows != first.rows:
            raise MienError(
                f"{first.run} and {one.run} are judged by different faces of {first.dataset}: "
                f"{'; '.join(first.told)}, and {'; '.join(one.told)}.",
                f"mien compare {' '.join(map(str, runs))} --on {on} --last 0.1",
            )
    comparison = Comparison(dataset=first.dataset, evaluations=evaluations)
    if out is not None:
        _write(out, comparison, [folder_of(Path(run), Path(on)) for run in runs])
    return comparison


def _judged(run: Path, on: Path, faces: int, last: float | None, progress: Progress, registry: Registry) -> Evaluation:
    known = Evaluation.read(folder_of(run, on))
    weights = run / WEIGHTS
    if (
        known
        and weights.is_file()
        and known.weights == hashlib.sha256(weights.read_bytes()).hexdigest()
        and known.dataset_digest == Dataset.open(on).info.digest
        and (known.faces_asked, known.last_asked) == (faces, last)
    ):
        return known
    return evaluate(run, on, faces=faces, last=last, progress=progress, registry=registry)


def _write(out: Path, comparison: Comparison, folders: Sequence[Path]) -> None:
    parts = []
    for person, rows in comparison.tables().items():
        part = table_of("People who do not exist" if person is None else f"Drawn as {person}", rows)
        sheets = [folder / f"faces{f'_{person}' if person else ''}.png" for folder in folders]
        part["pictures"] = [
            (evaluation.run, embedded(sheet.read_bytes()))
            for evaluation, sheet in zip(comparison.evaluations, sheets, strict=True)
            if person in evaluation.drawn_as and sheet.is_file()
        ]
        parts.append(part)
    facts = [f"{one.run}: {line}" for one in comparison.evaluations for line in facts_of(one)[1:2]]
    write_html(
        out / PAGE,
        title=f"{', '.join(one.run for one in comparison.evaluations)} on {comparison.dataset}",
        facts=[facts_of(comparison.evaluations[0])[0], *facts],
        parts=parts,
        pictures=[],
        provenance="faces drawn by the runs that are compared here.",
    )
    with whole_file(out / _DATA) as partial:
        partial.write_text(comparison.model_dump_json(indent=1), encoding="utf-8")
