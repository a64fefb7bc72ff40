"""How what came of files is told: a row of figures, and a line for each file that a person has to look at."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien.counted import counted

if TYPE_CHECKING:
    from mien import FrameRange, MienError
    from mien.inference.report import FileReport

T = TypeVar("T")
LINES_SHOWN = 10
NAMES_SHOWN = 5


def made_or_kept(make: Callable[[], T]) -> "tuple[T, MienError | None]":
    """What was found, and why it could not be written, which is to be raised when it has been shown."""
    from mien.errors import ReportNotWrittenError

    try:
        return make(), None
    except ReportNotWrittenError as error:
        return error.report, error


def row_of(figures: Mapping[str, str]) -> Table:
    """A table of one row: heading → figure."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    for heading in figures:
        table.add_column(heading, justify="right")
    table.add_row(*figures.values())
    return table


def listed(ranges: Sequence["FrameRange"]) -> str:
    """The first of them, and how many there are more."""
    more = (
        f" and {counted(len(ranges) - LINES_SHOWN, 'more stretch', 'more stretches')}"
        if len(ranges) > LINES_SHOWN
        else ""
    )
    return ", ".join(str(part) for part in ranges[:LINES_SHOWN]) + more


def print_lines(heading: str, lines: Sequence[str], console: Console) -> None:
    """The first lines, each after its heading, and how many there are more."""
    for line in lines[:LINES_SHOWN]:
        console.print(Text.assemble((heading, "yellow"), line), soft_wrap=True)
    if len(lines) > LINES_SHOWN:
        console.print(Text(f"… and so in {counted(len(lines) - LINES_SHOWN, 'more file')}."))


def print_failures(failures: Mapping[Path, str], console: Console) -> None:
    """Each file that failed, with the reason, but without what to do about it if there are many."""
    for path, why in list(failures.items())[:LINES_SHOWN]:
        reason = why.partition("\n")[0]
        named = reason if str(path) in reason else f"{path}: {reason}"
        console.print(Text.assemble(("Failed: ", "bold red"), named), soft_wrap=True)
    if len(failures) > LINES_SHOWN:
        console.print(Text(f"… and {len(failures) - LINES_SHOWN} more."))


def print_notes(files: Sequence["FileReport"], console: Console) -> None:
    """What of each file that was written, besides faces, is left out or changed."""
    lines = [f"{file.output}: {note}." for file in files if file.output for note in file.notes]
    print_lines("Not as it was: ", lines, console)


def print_sidecars(files: Sequence["FileReport"], console: Console) -> None:
    """Of which files the Content Credentials stand beside them."""
    from mien.media.credentials import sidecar_of

    written = [file.output for file in files if file.output]
    lines = [f"those of {path} stand in {side}: move both." for path in written if (side := sidecar_of(path)).is_file()]
    print_lines("Credentials: ", lines, console)


def print_passed_over(paths: Sequence[Path], console: Console) -> None:
    """How many files and links of a folder were passed over, and the first of them."""
    links = [path for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir()]
    lines = []
    if files:
        what = (
            "1 file is neither an image nor a video"
            if len(files) == 1
            else (f"{len(files)} files are neither images nor videos")
        )
        lines.append(f"{what}: {_first([path.name for path in files])}.")
    if links:
        what = (
            "1 folder is only linked to, and was"
            if len(links) == 1
            else (f"{len(links)} folders are only linked to, and were")
        )
        lines.append(f"{what} not looked into: {_first([str(path) for path in links])}.")
    print_lines("Passed over: ", lines, console)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
