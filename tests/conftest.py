"""What the tests that cross packages share."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import typer

from mien_cli.app import make_app


def _parsed(arguments: Sequence[str]) -> dict[str, Any]:
    command: Any = typer.main.get_command(make_app())
    name, rest = "mien", list(arguments)
    while rest and rest[0] in getattr(command, "commands", {}):
        name = rest.pop(0)
        command = command.commands[name]
    return dict(command.make_context(name, rest).params)


@pytest.fixture(scope="session")
def parsed() -> Callable[[Sequence[str]], dict[str, Any]]:
    """Read a command line as `mien` does, without running it: parameter → value.

    An option, argument or value that the command does not take raises, as does one that is missing.
    """
    return _parsed
