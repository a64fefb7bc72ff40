"""Where a command writes: results to stdout, all else to stderr; colors and boxes only on a terminal."""

import shutil

from rich.console import Console

_PIPE_COLUMNS = 200


def results() -> Console:
    """stdout. In a pipe lines are long, so that a row of a table stays one line."""
    return _console(stderr=False)


def messages() -> Console:
    """stderr: progress, warnings, errors."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = shutil.get_terminal_size((_PIPE_COLUMNS, 24)).columns
    return console
