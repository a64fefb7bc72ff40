"""Curves of an evaluation, as PNG."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mien.pose import HeadAngles

_BINS = 30
_DPI = 100


def training_losses(run: Path) -> bytes | None:
    """The losses of a run's metrics.jsonl over its steps; None if it has none. Logarithmic where all are positive."""
    path = run / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    names = [name for name in dict.fromkeys(key for line in lines for key in line) if _is_loss(name)]
    if not names:
        return None
    figure = Figure((8, 3), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(line["step"], line[name]) for line in lines if name in line]
        style = "o--" if name.startswith("validation") else "-"
        axes.plot(*zip(*points, strict=True), style, label=name, linewidth=1.2, markersize=2)
    if all(line[name] > 0 for line in lines for name in names if name in line):
        axes.set_yscale("log")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    return _png(figure)


def identity_distances(distances: Mapping[str, NDArray[np.float64]], same_person_below: float) -> bytes:
    """How far drawn faces are from those that were there: a histogram for each way of drawing, and the threshold."""
    figure = Figure((8, 3), layout="constrained")
    axes = figure.subplots()
    found = {name: values[np.isfinite(values)] for name, values in distances.items()}
    highest = max([1.0, *(float(values.max()) for values in found.values() if len(values))])
    for name, values in found.items():
        axes.hist(values, np.linspace(0, highest, _BINS).tolist(), histtype="step", linewidth=1.6, label=name)
    axes.axvline(same_person_below, color="black", linestyle=":", label="same person below")
    axes.set(xlabel="identity distance to the original", ylabel="faces")
    axes.legend(fontsize=7)
    return _png(figure)


def over_faces(errors: Mapping[str, NDArray[np.float64]], title: str) -> bytes:
    """An error of each face, in their order, for each way of drawing."""
    figure = Figure((8, 3), layout="constrained")
    axes = figure.subplots()
    for name, values in errors.items():
        axes.plot(values, label=name, linewidth=1.2)
    axes.set(xlabel="face, in the order of the clips", ylabel=title)
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return _png(figure)


def head_turns(originals: HeadAngles, results: HeadAngles) -> bytes:
    """Yaw, pitch and roll of each face in degrees, in their order: of the original, and of what the model drew."""
    figure = Figure((8, 3.4), layout="constrained")
    grid = figure.subplots(3, 1, sharex=True)
    for axes, name, original, result in zip(grid, HeadAngles._fields, originals, results, strict=True):
        axes.plot(original, color="black", linewidth=1.6, label="original")
        axes.plot(result, color="C0", linewidth=1.2, label="result")
        axes.set_ylabel(f"{name} °")
        axes.grid(alpha=0.3)
    grid[0].legend(fontsize=7, ncols=2)
    grid[-1].set_xlabel("face, in the order of the clips")
    return _png(figure)


def _is_loss(name: str) -> bool:
    others = ("step", "stage", "seconds", "faces_per_second", "gradient_norm")
    return not name.startswith("learning_rate") and not name.endswith(others)


def _png(figure: Figure) -> bytes:
    drawn = BytesIO()
    figure.savefig(drawn, dpi=_DPI, format="png")
    return drawn.getvalue()
