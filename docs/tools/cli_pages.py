"""Writes docs/cli.md: what `--help` says, for every command.

.venv/bin/python docs/tools/cli_pages.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer
from typer.testing import CliRunner

from mien_cli.app import make_app

PAGE = Path(__file__).resolve().parents[1] / "cli.md"
COLUMNS = 100
_HEAD = """# Commands

What `--help` says, {columns} columns wide. Written by `.venv/bin/python docs/tools/cli_pages.py`.
"""


def page() -> str:
    """The page as it has to be."""
    root = typer.main.get_command(make_app())
    sections = [_section(name) for name in _names(root, ("mien",))]
    return "\n".join([_HEAD.format(columns=COLUMNS), *sections])


def _names(command: Any, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The command's own name and those of all below it, in the order of its help."""
    yield name
    for below, its in getattr(command, "commands", {}).items():
        yield from _names(its, (*name, below))


def _section(name: tuple[str, ...]) -> str:
    # As a terminal of that width would show it, whatever this one is; without colors, which some systems force.
    shown = CliRunner().invoke(make_app(), [*name[1:], "--help"], prog_name="mien", env={"COLUMNS": str(COLUMNS)})
    if shown.exit_code:
        raise SystemExit(f"{' '.join(name)} --help ended with {shown.exit_code}: {shown.output}")
    lines = [line.rstrip() for line in click.unstyle(shown.stdout).splitlines()]
    text = "\n".join(lines).strip("\n")
    return f"## {' '.join(name)}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
