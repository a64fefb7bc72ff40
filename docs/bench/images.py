"""The images of the results page: strips of faces, and curves."""

from collections.abc import Sequence
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from experiments import REPOSITORY, Experiment, metrics
from kept import evaluation_of
from matplotlib.figure import Figure
from strips import FACES, strip

from mien.contracts.face import RgbImage
from mien.evaluation.report import folder_of
from mien.media.files import whole_file
from mien.media.grid import write_grid
from mien.media.provenance import Provenance

IMAGES = REPOSITORY / "docs" / "images" / "results"


def strips(work: Path, name: str, experiments: Sequence[Experiment], person: str, drawn_as: str | None) -> None:
    """Some of a person's frames, and what each model and baseline draws of them as a person, or as synthetic people."""
    baselines: dict[str, list[RgbImage]] = {}
    columns: dict[str, list[RgbImage]] = {}
    for experiment in sorted(experiments, key=lambda experiment: experiment.from_photographs):
        evaluation = evaluation_of(work, experiment, person)
        kept = strip(folder_of(work / "runs" / experiment.name, experiment.dataset(work, person)))
        columns.setdefault("original", list(kept["original"]))
        columns[experiment.name] = list(kept[f"{drawn_as or ''}/{evaluation.model}"])
        if not baselines:
            baselines = {
                found.name.replace(" training face", ""): list(kept[f"{drawn_as or ''}/{found.name}"])
                for found in evaluation.metrics_of(drawn_as, is_baseline=True)
            }
    columns |= baselines
    made = Provenance(version("mien-core"), "faces drawn to compare models", "several")
    labels = [f"{person} {number + 1}" for number in range(FACES)]
    write_grid(IMAGES / f"{name}.png", list(columns.values()), list(columns), labels, synthetic=made, cell_px=112)


def losses(work: Path, experiment: Experiment) -> None:
    """A run's training losses over its steps."""
    lines = metrics(work / "runs" / experiment.name)
    names = [name for name in dict.fromkeys(key for line in lines for key in line) if _is_loss(name)]
    figure = Figure((7, 2.6), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(line["step"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
    if all(line[name] > 0 for line in lines for name in names if name in line):
        axes.set_yscale("log")
    axes.set(title=experiment.name, xlabel="step")
    axes.legend(fontsize=6, ncols=2, loc="upper right")
    axes.grid(alpha=0.3)
    _save(figure, f"losses_{experiment.name}.png")


def _is_loss(name: str) -> bool:
    return not name.startswith(("learning_rate", "validation")) and not name.endswith(
        ("step", "stage", "seconds", "faces_per_second", "gradient_norm")
    )


def conditioning(work: Path, experiments: Sequence[Experiment]) -> None:
    """How well runs follow their condition, over the steps."""
    figure = Figure((7, 3.2), layout="constrained")
    axes = figure.subplots()
    for experiment in experiments:
        points = [
            (line["step"], line[key])
            for line in metrics(work / "runs" / experiment.name)
            for key in line
            if key.startswith("validation/") and key.endswith("/l1")
        ]
        axes.plot(*zip(*points, strict=True), "--" if "reference" in experiment.name else "-", label=experiment.name)
    axes.set(xlabel="step", ylabel="L1 on held-out faces ([-1, 1])")
    axes.legend()
    axes.grid(alpha=0.3)
    _save(figure, "conditioning.png")


def _save(figure: Figure, name: str) -> None:
    drawn = BytesIO()
    figure.savefig(drawn, dpi=110, format="png")
    with whole_file(IMAGES / name) as partial:
        partial.write_bytes(drawn.getvalue())
