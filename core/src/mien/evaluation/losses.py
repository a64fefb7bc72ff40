"""What training lost, as an image: the losses of each phase over the steps, those on held-out faces, and their lids."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mien.training.metrics import FILE

_DPI = 100
_WIDTH, _HEIGHT = 8.0, 2.6
_SMOOTHED_PARTS = 80
"""A curve of many more points is smoothed over such a part of it."""
_NO_LOSS = ("step", "stage", "seconds", "faces_per_second", "gradient_norm")
_RATE, _VALIDATION, _EXPRESSION = "learning_rate/", "validation/", "expression/"
_LIDS = "lids of held-out faces: correlation of their opening, and how far they close, of the original's"

Line = dict[str, float]


@dataclass(frozen=True, slots=True)
class _Curve:
    name: str
    held_out: bool
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


def training_losses(run: Path) -> bytes | None:
    """RUN/metrics.jsonl as a PNG: axes for each phase, dots for held-out faces, a dotted line where a stage begins; and
    axes for whether held-out faces, drawn, open and close their eyes as they should.

    Many points are smoothed, with the points themselves pale behind. Axes are logarithmic where all is positive.
    None if no loss was logged.
    """
    lines = list(_lines(run / FILE))
    phases = _phases(lines)
    if not phases:
        return None
    figure = Figure((_WIDTH, _HEIGHT * len(phases)), layout="constrained")
    grid = figure.subplots(len(phases), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (title, curves) in zip(grid, phases.items(), strict=True):
        _draw(axes, curves, logarithmic=title != _LIDS)
        for step in _stage_starts(lines):
            axes.axvline(step, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_title(title, fontsize=9, loc="left")
    grid[-1].set_xlabel("step")
    drawn = BytesIO()
    figure.savefig(drawn, dpi=_DPI, format="png")
    return drawn.getvalue()


def _draw(axes: Axes, curves: Sequence[_Curve], logarithmic: bool) -> None:
    colors = {name: f"C{number % 10}" for number, name in enumerate(dict.fromkeys(curve.name for curve in curves))}
    for curve in curves:
        color = colors[curve.name]
        if curve.held_out:
            label = f"{curve.name}, held out"
            axes.scatter(
                curve.steps, curve.values, 14, color, edgecolors="black", linewidths=0.5, label=label, zorder=3
            )
            continue
        smooth = _smoothed(curve.values)
        if smooth is not curve.values:
            axes.plot(curve.steps, curve.values, color=color, alpha=0.25, linewidth=0.7)
        axes.plot(curve.steps, smooth, color=color, linewidth=1.4, label=curve.name, marker="." * (len(smooth) == 1))
    if logarithmic and all((curve.values > 0).all() for curve in curves):
        axes.set_yscale("log")
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _phases(lines: Sequence[Line]) -> dict[str, list[_Curve]]:
    """Title of the axes → its curves.

    If there are several phases, the loop logs a loss as PHASE/NAME, and their sum as "loss"; of one it logs NAME alone.
    On held-out faces it is validation/PHASE/NAME always.
    """
    keys = list(dict.fromkeys(key for line in lines for key in line))
    names = [key.removeprefix(_RATE) for key in keys if key.startswith(_RATE)]
    found: dict[str, list[_Curve]] = {}
    for key in keys:
        held_out = key.startswith(_VALIDATION)
        phase, _, name = key.removeprefix(_VALIDATION).partition("/")
        if phase not in names or not name:
            phase, name = "", key.removeprefix(_VALIDATION)
        if key.startswith(_RATE) or name.rpartition("/")[2] in _NO_LOSS:
            continue
        title = "losses" if len(names) < 2 else phase or "all phases together"
        if key.startswith(_EXPRESSION):
            title, name, held_out = _LIDS, key.removeprefix(_EXPRESSION), True
        points = np.array([(line["step"], line[key]) for line in lines if key in line], np.float64)
        found.setdefault(title, []).append(_Curve(name, held_out, points[:, 0], points[:, 1]))
    return found


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A centred running mean, over less at the ends; few values stay as they are."""
    reach = len(values) // _SMOOTHED_PARTS
    if reach < 2:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    first, end = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(values))
    means: NDArray[np.float64] = (sums[end] - sums[first]) / (end - first)
    return means


def _stage_starts(lines: Sequence[Line]) -> list[float]:
    staged = [(line["step"], line["stage"]) for line in lines if "stage" in line]
    return [step for (_, before), (step, stage) in pairwise(staged) if stage != before]


def _lines(path: Path) -> Iterator[Line]:
    if not path.is_file():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # the line that a kill cut off
            continue
        yield {name: float(value) for name, value in line.items() if np.isfinite(value)}
