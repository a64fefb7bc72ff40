"""Metrics of an evaluation as a table: a column for each way of drawing, the best of a row in bold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mien.evaluation import Metrics


def metrics_table(named: "Sequence[tuple[str, Metrics]]") -> Table:
    """A column for each name and a row for each figure, which fits a narrow terminal; figures of none are left out."""
    from mien.evaluation.metric_table import best, shown

    figures = [metrics for _, metrics in named]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column("")
    for name, metrics in named:
        table.add_column(Text(name, style="italic" if metrics.is_baseline else ""), justify="right", overflow="fold")
    for column in shown(figures):
        are_best = best(column, figures)
        cells = [
            Text(column.text(metrics), style="bold" if marked else "")
            for metrics, marked in zip(figures, are_best, strict=True)
        ]
        table.add_row(column.heading(figures[0]), *cells)
    return table
