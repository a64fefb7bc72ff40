"""How long work reports where it is. The command line draws it; a Python caller may pass an object of its own."""

from typing import Protocol


class Progress(Protocol):
    """Told what goes on. Calls come from one thread."""

    def start(self, what: str, total: int | None) -> None:
        """A stretch of work begins, of that many steps (None: not known). It replaces the one before."""

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """So many steps more are done; figures worth showing beside the bar, as loss=0.12."""

    def say(self, message: str) -> None:
        """Something the user should read, kept on the screen."""


class Silent:
    """The Progress that shows nothing."""

    def start(self, what: str, total: int | None) -> None:
        """Ignored."""

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        """Ignored."""

    def say(self, message: str) -> None:
        """Ignored."""
