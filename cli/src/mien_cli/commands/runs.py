"""`mien runs`: which runs are installed, or lie in folders, what they draw and under which licenses."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien_cli.console import results
from mien_cli.plugin_tables import print_broken

if TYPE_CHECKING:
    from mien.sharing.summary import RunSummary

_WIDE = 120
"""Columns of a terminal that hold a run in one line."""
_LICENSE_WIDTH = 12
"""Of "CC-BY-NC-4.0"."""


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Runs, or folders that hold some, instead of those installed."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the installed runs, or those of folders: model, whom they draw, licenses of weights and data.

    The name of an installed run does wherever a run is named.

    [bold]Examples[/bold]

      mien runs
      mien runs . --json
    """
    from mien.plugins.registry import Registry  # when the command runs, so that `mien --help` need not wait for it
    from mien.sharing.summary import list_runs

    registry = Registry()
    found = list_runs(folders or (), registry)
    broken = [] if folders else registry.broken
    if as_json:
        data = {"runs": [asdict(run) for run in found], "broken": [asdict(distribution) for distribution in broken]}
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    console = results()
    if found:
        console.print(_table(found, console.width))
    else:
        console.print("No runs are installed. Those of a folder: mien runs FOLDER", soft_wrap=True)
    _print_problems(found, console)
    print_broken(broken, console)


def _table(found: list["RunSummary"], width: int) -> Table:
    """A line for each run, if that fits into so many columns; else what brought it stands below its name."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    wide = width >= _WIDE
    for heading in ("Name", "Distribution", "Version", "Model") if wide else ("Name",):
        table.add_column(heading, no_wrap=True)
    table.add_column("Draws")
    for heading in ("License of its weights", "License of its data"):
        table.add_column(heading, min_width=_LICENSE_WIDTH)
    for run in found:
        name = Text(run.name, "bold red" if run.problem else "bold cyan")
        licenses = (Text(run.license), Text(run.data_license))
        if wide:
            table.add_row(name, *map(Text, (run.distribution, run.version, run.model, run.draws)), *licenses)
        else:
            brought = f"\n{run.distribution} {run.version}" if run.distribution else ""
            draws = f"{run.model}: {run.draws}" if run.model else run.draws
            table.add_row(Text.assemble(name, (brought, "dim")), Text(draws), *licenses)
    return table


def _print_problems(found: list["RunSummary"], console: Console) -> None:
    for run in found:
        if run.problem:
            console.print(Text.assemble((f"{run.name} cannot be used: ", "bold red"), run.problem), soft_wrap=True)
            console.print(Text.assemble(("Try:   ", "bold"), (run.fix, "cyan")), soft_wrap=True)
