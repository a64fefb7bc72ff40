"""The card of a run: what it draws, what it was made of and under which licences, and how well it draws."""

from importlib import resources
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from mien.contracts.plugin import without_folders
from mien.errors import MienError
from mien.evaluation.metric_table import beaten, shown
from mien.evaluation.page import facts_of
from mien.evaluation.report import FILE, Evaluation
from mien.media.files import whole_file
from mien.plugins.registry import Registry
from mien.sharing.summary import NOT_STATED, people_in_words, targets_in_words
from mien.training.run import RunRecord, TrainedRun

CARD = "card.md"


def write_card(folder: Path, run: TrainedRun, record: RunRecord, *, name: str, use: str, registry: Registry) -> str:
    """Write FOLDER/card.md, and return its text.

    run: the run, beside whose weights its evaluations lie. record: what the card may tell of it. name: what it is
    called. use: what its commands call it. Raises MienError if it may not be written.
    """
    source = resources.files("mien.sharing").joinpath("card.md.j2").read_text(encoding="utf-8")
    # Nothing is escaped but what would end a cell of a table: this is no web page.
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = _cell
    text = environment.from_string(source).render(
        name=name,
        use=use,
        record=record,
        draws=targets_in_words(record.targets, record.people),
        people=people_in_words(record.people),
        resolution=run.model.resolution or record.alignment.size,
        weights_license=record.license or NOT_STATED,
        data_license=record.data_license or NOT_STATED,
        plugins=[(plugin, _weights_license(plugin.kind, plugin.name, registry)) for plugin in record.plugins],
        evaluations=[_figures(evaluation) for evaluation in _evaluations(run)],
        mien_version=version("mien-core"),
    )
    with whole_file(folder / CARD) as partial:
        partial.write_text(text, encoding="utf-8")
    return text


def _weights_license(kind: str, name: str, registry: Registry) -> str:
    try:
        return registry.find(kind, name).spec.weights_license
    except MienError:
        return "unknown: not installed here"


def _evaluations(run: TrainedRun) -> list[Evaluation]:
    """The evaluations of these very weights."""
    files = sorted((run.location.folder / "evaluations").glob(f"*/{FILE}"))
    read = [Evaluation.read(file.parent) for file in files]
    return [evaluation for evaluation in read if evaluation is not None and evaluation.weights == run.digest]


def _figures(evaluation: Evaluation) -> dict[str, object]:
    """An evaluation as the card's template shows it: a table for each person drawn, a row for each figure."""
    tables = []
    for person in evaluation.drawn_as:
        (model,), baselines = (evaluation.metrics_of(person, is_baseline=is_baseline) for is_baseline in (False, True))
        drawn = [model, *baselines]
        tables.append(
            {
                "title": "People who do not exist" if person is None else f"Drawn as {person}",
                "names": [metrics.name for metrics in drawn],
                "rows": [
                    (column.heading(model), [column.text(metrics) for metrics in drawn], column.meaning)
                    for column in shown(drawn)
                ],
                "sentences": beaten(model, baselines),
            }
        )
    # The first fact lists files of the user's.
    which = "held out by training" if evaluation.held_out else "of a dataset that the run was not trained on"
    faces = f"{len(evaluation.rows)} faces of {evaluation.candidates}, {which}."
    return {
        "dataset": evaluation.dataset,
        "facts": [faces, *map(without_folders, facts_of(evaluation)[1:5])],
        "tables": tables,
    }


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
