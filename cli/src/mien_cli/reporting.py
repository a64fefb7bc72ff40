"""How what came of files is told: a row of figures, and a line for each file that a person has to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mien import FrameRange
    from mien.inference.report import FileReport

LINES_SHOWN = 10
NAMES_SHOWN = 5


def row_of(figures: Mapping[str, str]) -> Table:
    """A table of one row: heading → figure."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    for heading in figures:
        table.add_column(heading, justify="right")
    table.add_row(*figures.values())
    return table


def listed(ranges: Sequence["FrameRange"]) -> str:
    """The first of them, and how many there are more."""
    more = f" and {len(ranges) - LINES_SHOWN} more stretches" if len(ranges) > LINES_SHOWN else ""
    return ", ".join(str(part) for part in ranges[:LINES_SHOWN]) + more


def print_lines(heading: str, lines: Sequence[str], console: Console) -> None:
    """The first lines, each after its heading, and how many there are more."""
    for line in lines[:LINES_SHOWN]:
        console.print(Text.assemble((heading, "yellow"), line), soft_wrap=True)
    if len(lines) > LINES_SHOWN:
        console.print(Text(f"… and so in {len(lines) - LINES_SHOWN} more files."))


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


def print_passed_over(files: Sequence[Path], console: Console) -> None:
    """How many files of a folder were passed over, and the first of them."""
    if files:
        more = f" and {len(files) - NAMES_SHOWN} more" if len(files) > NAMES_SHOWN else ""
        names = ", ".join(path.name for path in files[:NAMES_SHOWN]) + more
        what = (
            "1 file is neither an image nor a video"
            if len(files) == 1
            else (f"{len(files)} files are neither images nor videos")
        )
        print_lines("Passed over: ", [f"{what}: {names}."], console)
