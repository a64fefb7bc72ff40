"""The command `mien`: which commands there are, and in which order its help lists them."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from mien_cli.commands import (
    anonymize,
    audit,
    compare,
    demo,
    evaluate,
    export,
    plugins,
    preprocess,
    runs,
    swap,
    train,
    verify,
)
from mien_cli.errors import ErrorTellingGroup

app = typer.Typer(
    name="mien",
    cls=ErrorTellingGroup,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mien {version('mien-cli')}")
        raise typer.Exit


@app.callback()
def mien(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Swap faces in images and video and keep their mien: pose, gaze, expression."""


app.command(rich_help_panel="Swap faces")(preprocess.preprocess)
app.command(rich_help_panel="Swap faces")(train.train)
app.command(rich_help_panel="Swap faces")(swap.swap)
app.command(rich_help_panel="Swap faces")(anonymize.anonymize)
app.command(rich_help_panel="Judge files")(audit.audit)
app.command(rich_help_panel="Judge files")(verify.verify)
app.command(rich_help_panel="Judge runs")(evaluate.evaluate)
app.command(rich_help_panel="Judge runs")(compare.compare)
app.command(rich_help_panel="Hand runs on")(export.export)
app.command(rich_help_panel="Hand runs on")(runs.runs)
app.command(rich_help_panel="Look around")(demo.demo)
app.add_typer(plugins.app, name="plugins", rich_help_panel="Look around")


def main() -> None:
    """What the console script `mien` runs."""
    app.pretty_exceptions_enable = sys.stderr.isatty()  # in a log a defect's traceback stands as Python writes it
    app(prog_name="mien")
