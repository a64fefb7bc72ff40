"""Pages that need no other file: tables of figures, and pictures within them."""

from base64 import b64encode
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from mien.evaluation.columns import Column, best, shown
from mien.evaluation.report import Figures
from mien.files import whole_file, writing_to


def table_of(title: str, named: Sequence[tuple[str, Figures]]) -> dict[str, Any]:
    """A part of a page: a table with a row for each."""
    figures = [one for _, one in named]
    columns = shown(figures)
    are_best = {column.title: best(column, figures) for column in columns}
    rows = [
        {
            "name": name,
            "learnt": one.learnt,
            "cells": [(column.text(one), are_best[column.title][number]) for column in columns],
        }
        for number, (name, one) in enumerate(named)
    ]
    headings = [(column.heading(figures[0]), column.meaning) for column in columns]
    return {"title": title, "columns": columns, "headings": headings, "rows": rows, "sentences": [], "pictures": []}


def embedded(png: bytes) -> str:
    """A picture as it stands in a page."""
    return b64encode(png).decode("ascii")


def write_html(
    path: Path,
    *,
    title: str,
    facts: Sequence[str],
    parts: Sequence[dict[str, Any]],
    pictures: Sequence[tuple[str, str]],
    provenance: str,
) -> None:
    """Write a page, whole or not at all.

    facts: lines below the title. parts: as `table_of` makes them. pictures: caption and embedded picture. provenance:
    how drawn faces came about. Raises MienError if it may not be written.
    """
    source = resources.files("mien.evaluation").joinpath("page.html.j2").read_text(encoding="utf-8")
    legend: list[Column] = [column for part in parts for column in part["columns"]]
    text = Environment(autoescape=True, undefined=StrictUndefined).from_string(source).render(
        title=title,
        facts=facts,
        parts=parts,
        pictures=pictures,
        legend=list(dict.fromkeys(legend)),
        provenance=provenance,
    )  # fmt: skip
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
