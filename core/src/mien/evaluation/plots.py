"""Curves of an evaluation over its faces, as PNG."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mien.geometry.pose import HeadAngles

_BINS = 30
_DPI = 100


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
    figure.legend(fontsize=7, frameon=False, loc="outside right upper")
    return _png(figure)


def over_faces(errors: Mapping[str, NDArray[np.float64]], title: str) -> bytes:
    """An error of each face, in their order, for each way of drawing."""
    figure = Figure((8, 3), layout="constrained")
    axes = figure.subplots()
    for name, values in errors.items():
        axes.plot(_count(values), values, label=name, linewidth=1.2)
    axes.set(xlabel="face, in the order of the clips", ylabel=title, ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(fontsize=7, frameon=False, loc="outside right upper")
    axes.grid(alpha=0.3)
    return _png(figure)


def head_turns(originals: HeadAngles, results: HeadAngles) -> bytes:
    """Yaw, pitch and roll of each face in degrees, in their order: of the original, and of what the model drew."""
    figure = Figure((8, 3.4), layout="constrained")
    grid = figure.subplots(3, 1, sharex=True)
    for axes, name, original, result in zip(grid, HeadAngles._fields, originals, results, strict=True):
        axes.plot(_count(original), original, color="black", linewidth=1.6, label="original")
        axes.plot(_count(result), result, color="C0", linewidth=1.2, label="result")
        axes.set_ylabel(f"{name} °")
        axes.grid(alpha=0.3)
    figure.legend(*grid[0].get_legend_handles_labels(), fontsize=7, frameon=False, loc="outside right upper")
    grid[-1].set_xlabel("face, in the order of the clips")
    grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return _png(figure)


def over_time(
    seconds: NDArray[np.float64], curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> bytes:
    """Curves of a face over the frames, one below the other: of the original, and of the result.

    seconds: float64 (N,). curves: what each is → float64 (N,) of the original, and of the result; NaN leaves a gap.
    """
    figure = Figure((8, 0.4 + 1.1 * len(curves)), layout="constrained")
    grid = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, (original, result)) in zip(grid, curves.items(), strict=True):
        axes.plot(seconds, original, color="black", linewidth=1.6, label="original")
        axes.plot(seconds, result, color="C0", linewidth=1.2, label="result")
        axes.set_ylabel(name, fontsize=8)
        axes.grid(alpha=0.3)
    figure.legend(*grid[0].get_legend_handles_labels(), fontsize=7, frameon=False, loc="outside right upper")
    grid[-1].set_xlabel("seconds")
    return _png(figure)


def _count(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """1, 2, 3, … as the faces of the page are numbered."""
    return np.arange(1, len(values) + 1)


def _png(figure: Figure) -> bytes:
    drawn = BytesIO()
    figure.savefig(drawn, dpi=_DPI, format="png")
    return drawn.getvalue()
