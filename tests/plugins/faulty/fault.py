"""What goes wrong with any kind."""

from mien import MienError, PluginConfig


class FaultConfig(PluginConfig):
    """What is to go wrong."""

    fault: str = ""
    """Name of the fault; empty: nothing goes wrong."""


def fail(fault: str) -> None:
    """Raise what the fault says, if it is one of raising."""
    if fault == "raises":
        raise ArithmeticError("one too many")
    if fault == "exits":
        raise SystemExit("wrong Python")
    if fault == "tells":
        raise MienError("The weights are gone.", "pip install weights")
