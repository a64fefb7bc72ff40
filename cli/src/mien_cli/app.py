"""The command `mien`: which commands there are, and in which order its help lists them."""

import atexit
import io
import os
import signal
import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from mien_cli.errors import ErrorTellingGroup, Terminated

COMMANDS = {
    "preprocess": "Swap faces",
    "train": "Swap faces",
    "swap": "Swap faces",
    "anonymize": "Swap faces",
    "faces": "Judge files",
    "audit": "Judge files",
    "verify": "Judge files",
    "evaluate": "Judge runs",
    "compare": "Judge runs",
    "export": "Hand runs on",
    "runs": "Hand runs on",
    "demo": "Look around",
    "plugins": "Look around",
    "bench": "Look around",
}
"""Every command, in the order of the help, with the panel that it stands in; its module has its name."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # it takes an eighth of the time until help is shown

        typer.echo(f"mien {version('mien-cli')}")
        raise typer.Exit


def _mien(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Swap faces in images and video and keep their mien: pose, gaze, expression."""


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with these of its commands; only theirs are imported, and only their options built."""
    app = typer.Typer(
        name="mien",
        cls=ErrorTellingGroup,
        rich_markup_mode="rich",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_mien)
    for name in names:
        module = import_module(f"mien_cli.commands.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, rich_help_panel=COMMANDS[name])
        else:
            app.command(name, rich_help_panel=COMMANDS[name])(getattr(module, name))
    return app


def _end(_number: int, _frame: object) -> None:
    """End as if by Ctrl-C: nothing half done is left behind."""
    raise Terminated


def run() -> None:
    """What the console script `mien` runs."""
    try:
        main()
    except SystemExit as end:
        leave_at_once(end.code)
        raise


def leave_at_once(code: object) -> None:
    """End the process without taking it apart, which takes torch half a second; returns where that may not be done.

    code: of SystemExit. What was registered to be done at the end is done, and what was said is said. Where a thread is
    still at work, or the code is a message, Python is left to it.
    """
    at_work = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if at_work or not isinstance(code, int | None):
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody reads it, or a disk is full: Python says so
        return
    os._exit(code or 0)


def main() -> None:
    """Run the command of the command line. Raises SystemExit with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may be no text
    signal.signal(signal.SIGTERM, _end)
    asked = sys.argv[1:2]
    app = make_app(asked if asked and asked[0] in COMMANDS else COMMANDS)
    app.pretty_exceptions_enable = sys.stderr.isatty()  # in a log a defect's traceback stands as Python writes it
    app(prog_name="mien")
