"""The card of a run: what it draws, what it was made of and under which licences, and how well it draws."""

from importlib import resources
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from mien.errors import MienError
from mien.media.files import whole_file
from mien.plugins.registry import Registry
from mien.sharing.figures import figures_of, write_figures
from mien.sharing.summary import NOT_STATED, people_in_words, targets_in_words
from mien.training.run import RunRecord, TrainedRun

CARD = "card.md"


def write_card(folder: Path, run: TrainedRun, record: RunRecord, *, name: str, use: str, registry: Registry) -> str:
    """Write FOLDER/card.md, and figures.json if there are any; returns the card's text.

    folder: where the exported weights lie already. run: the run, beside whose weights its evaluations lie, or the
    figures that it was exported with. record: what the card may tell of it. name: what it is called. use: what its
    commands call it. Raises MienError if it may not be written, or the run's figures are not understood.
    """
    figures = figures_of(run)
    digest = write_figures(folder, figures)
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
        evaluations=figures,
        weights_digest=digest,
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


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
