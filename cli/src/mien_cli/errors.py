"""How a command ends that cannot go on: what was wrong and what to do, without a traceback if the user can mend it."""

import signal
import warnings
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from mien.errors import MienError, MienWarning
from mien_cli.console import messages

EXIT_USER = 2
EXIT_SIGNAL = 128
"""A command that a signal ends exits with so much more than the signal's number."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. It ends a command as Ctrl-C does, so no plugin can be taken for what raised it."""


class ErrorTellingGroup(TyperGroup):
    """The group of all commands: tells MienError and Ctrl-C, and lets every other exception through as it is."""

    def invoke(self, ctx: Any) -> Any:  # the context's class is typer's own, and has no public name in every release
        """Run the command. Exits with 2 on a MienError, with 130 on Ctrl-C and with 143 on SIGTERM."""
        with warnings.catch_warnings():
            warnings.showwarning = _shown(warnings.showwarning)
            return self._invoke(ctx)

    def _invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MienError as error:
            tell(error, messages())
            raise typer.Exit(EXIT_USER) from None
        except KeyboardInterrupt as interruption:
            messages().print("Interrupted.", style="yellow")
            number = signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT
            raise typer.Exit(EXIT_SIGNAL + number) from None


def _shown(otherwise: Callable[..., None]) -> Callable[..., None]:
    """How a warning is shown: mien's own as a note, all others as they were."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, MienWarning):
            messages().print(Text.assemble(("Note: ", "bold yellow"), str(message)), soft_wrap=True)
        else:
            otherwise(message, category, *place, **more)

    return show


def tell(error: MienError, console: Console) -> None:
    """Print what was wrong and, on a line of its own that can be copied, what to do."""
    console.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.fix:
        console.print(Text.assemble(("Try:   ", "bold"), (error.fix, "cyan")), soft_wrap=True)
