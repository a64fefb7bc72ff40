"""Pages that need no other file: tables of figures, and images within them."""

from base64 import b64encode
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from mien.evaluation.metric_table import Column, best, shown
from mien.evaluation.report import Metrics
from mien.media.files import whole_file


def table_of(title: str, named: Sequence[tuple[str, Metrics]]) -> dict[str, Any]:
    """A part of a page: a table with a row for each."""
    metrics = [figures for _, figures in named]
    columns = shown(metrics)
    are_best = {column.title: best(column, metrics) for column in columns}
    rows = [
        {
            "name": name,
            "is_baseline": figures.is_baseline,
            "cells": [(column.text(figures), are_best[column.title][number]) for column in columns],
        }
        for number, (name, figures) in enumerate(named)
    ]
    headings = [(column.heading(metrics[0]), column.meaning) for column in columns]
    return {"title": title, "columns": columns, "headings": headings, "rows": rows, "sentences": [], "images": []}


def embedded(png: bytes) -> str:
    """An image as it stands in a page."""
    return b64encode(png).decode("ascii")


def write_html(
    path: Path,
    *,
    title: str,
    facts: Sequence[str],
    parts: Sequence[dict[str, Any]],
    images: Sequence[tuple[str, str]],
    provenance: str,
) -> None:
    """Write a page, whole or not at all.

    facts: lines below the title. parts: as `table_of` makes them; one without headings has no table. images: caption
    and embedded image. provenance: how drawn faces came about. Raises MienError if it may not be written.
    """
    source = resources.files("mien.evaluation").joinpath("page.html.j2").read_text(encoding="utf-8")
    legend: list[Any] = [column for part in parts for column in part["columns"]]  # each has a title and a meaning
    text = Environment(autoescape=True, undefined=StrictUndefined).from_string(source).render(
        title=title,
        facts=facts,
        parts=parts,
        images=images,
        legend=list(dict.fromkeys(legend)),
        compares=any(isinstance(column, Column) for column in legend),
        provenance=provenance,
    )  # fmt: skip
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
