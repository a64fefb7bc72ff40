"""Whether what somebody hands over are paths."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from mien.errors import MienError


def require_paths(given: Any, called: str) -> list[Path]:
    """A list of paths, each of which may be a text.

    called: what it is, for the error. Raises MienError for one path alone, which is no list, and for what is no path.
    """
    if isinstance(given, str | PathLike):
        raise MienError(f"The {called} are a list of paths; this is one path, {str(given)!r}.", f"[{str(given)!r}]")
    if not isinstance(given, Iterable):
        raise MienError(f"The {called} are a list of paths; this is a {type(given).__name__}.", "[Path(…)]")
    paths = list(given)
    for path in paths:
        if not isinstance(path, str | PathLike):
            raise MienError(f"The {called} are paths; one of them is a {type(path).__name__}.", "[Path(…)]")
    return [Path(path) for path in paths]
