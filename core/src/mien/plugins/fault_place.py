"""Where in a plugin's own files an exception was raised."""

import sys
import traceback
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_OF_SOURCE = SyntaxError, ImportError, NameError, AttributeError


@dataclass(frozen=True, slots=True)
class _Place:
    file: Path
    line: int | None
    function: str = ""

    def __str__(self) -> str:
        function = f", in {self.function}" if self.function else ""
        return f" ({self.file.name}, line {self.line}{function})"


def place_of(error: BaseException, module: str) -> str:
    """The last line of the plugin's that led to it, as " (bad.py, line 39, in forward)"; "" if none of its files did.

    module: of the plugin's class; whatever lies in the same package is the plugin's.
    """
    place, _ = _own_place(error, module)
    return "" if place is None or isinstance(error, SyntaxError) else str(place)  # which says it itself


def how_to_mend(error: BaseException, module: str) -> str:
    """What to do about a line of the plugin's own that cannot be right here, so that installing the same version again
    would not help; "" if something else is wrong, as with a library that it imports."""
    place, raised_there = _own_place(error, module)
    if place is None or not raised_there or not isinstance(error, _OF_SOURCE):
        return ""
    return f"Mend {place.file}, line {place.line}, or install a version of the plugin that works."


def _own_place(error: BaseException, module: str) -> tuple[_Place | None, bool]:
    """The last line of the plugin's own, and whether nothing of others was called from there."""
    files = _files_of(module)
    if isinstance(error, SyntaxError) and error.filename and _is_in(error.filename, files):
        return _Place(Path(error.filename), error.lineno), True
    frames = traceback.extract_tb(error.__traceback__)
    for number, frame in enumerate(reversed(frames)):
        if _is_in(frame.filename, files):
            function = "" if frame.name.startswith("<") else frame.name
            return _Place(Path(frame.filename), frame.lineno, function), number == 0
    return None, False


def _files_of(module: str) -> list[Path]:
    """The folders of the package that a module belongs to, or the one file that it is."""
    package = module.partition(".")[0]
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # a module that was made by hand has none
        spec = None
    if spec is not None and spec.submodule_search_locations is not None:
        return [Path(folder) for folder in spec.submodule_search_locations]
    file = spec.origin if spec is not None else getattr(sys.modules.get(module), "__file__", None)
    return [Path(file)] if file else []


def _is_in(file: str, files: list[Path]) -> bool:
    return any(Path(file).is_relative_to(part) for part in files)
