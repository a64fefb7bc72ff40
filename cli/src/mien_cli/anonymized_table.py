"""What `mien anonymize` says of its files: how much was drawn and hidden, and what the user should look at."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mien.counted import counted
from mien_cli.progress import duration
from mien_cli.reporting import listed, print_lines, row_of

if TYPE_CHECKING:
    from mien import AnonymizedFile, AnonymizeReport


def anonymized_summary(report: "AnonymizeReport") -> Table:
    """One row: files, frames, people, faces and how the check went."""
    check = report.check
    return row_of(
        {
            "Files": f"{sum(file.output is not None for file in report.files)}",
            "Frames": f"{report.frames}",
            **({} if report.seed is None else {"Seed": f"{report.seed}"}),
            "People" if report.counts_once else "People (each file)": f"{report.people}",
            "Faces drawn": f"{report.faces}",
            "Interpolated": f"{report.interpolated}",
            "Faces hidden": f"{report.undrawn}",
            "Kept": f"{report.kept}",
            "Hidden": f"{report.frames_hidden}",
            "In part": f"{report.frames_hidden_in_part}",
            "Still match": f"{check.verified}/{check.faces}" if check else "?",
            "Nearest": f"{check.smallest_distance:.2f}" if check and check.smallest_distance is not None else "–",
            "Failed": f"{len(report.failures)}",
            "Time": duration(report.seconds),
            "Frames/s": f"{report.frames_per_second:.1f}",
        }
    )


def _hidden_in_part(file: "AnonymizedFile", report: "AnonymizeReport") -> Iterator[str]:
    """What of a file is hidden beside what the method draws or hides, and why."""
    unmeasured = file.undrawn - file.doubtful
    if unmeasured:
        better = f" --extractor {report.extractor}+{report.measures} measures them." if report.measures else ""
        yield (
            f"{file.output}: {_faces(unmeasured)} found without the landmarks to be drawn by, and hidden instead."
            f"{better}"
        )
    if file.doubtful:
        what = (
            "1 place that may be a face is" if file.doubtful == 1 else f"{file.doubtful} places that may be faces are"
        )
        yield f"{file.output}: {what} hidden."


def _faces(number: int) -> str:
    return f"{counted(number, 'face')} {_were(number)}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def print_what_to_look_at(report: "AnonymizeReport", console: Console) -> None:
    """Whoever publishes the files has to know where nothing is to be seen, and where somebody may be."""
    written = [file for file in report.files if file.output]
    print_lines(
        "Hidden: ",
        [
            f"{file.output}: no face was found"
            f"{'' if file.frames == 1 else f', or one was missing, in frames {listed(file.hidden)}'}."
            for file in written
            if file.hidden
        ],
        console,
    )
    print_lines("Hidden in part: ", [line for file in written for line in _hidden_in_part(file, report)], console)
    print_lines(
        "Hidden in part: ",
        [
            f"{file.output}: a face that was found before or after may be there, in frames "
            f"{listed(file.hidden_by_margin)}; see --margin."
            for file in written
            if file.hidden_by_margin
        ],
        console,
    )
    print_lines(
        "Found late: ",
        [
            f"{file.output}: {counted(file.leaks, 'face')} {_were(file.leaks)} found only when OUTPUT was searched; "
            f"{'its place is' if file.leaks == 1 else 'their places are'} hidden now."
            for file in written
            if file.leaks
        ],
        console,
    )
    print_lines(
        "Unchanged: ",
        [
            f"{file.output}: no face was drawn{'' if file.frames == 1 else f' in frames {listed(file.unchanged)}'}."
            for file in written
            if file.unchanged
        ],
        console,
    )
    print_lines(
        "Partial: ",
        [
            f"{file.output}: a face seen before and after was not found and is unchanged "
            f"in frames {listed(file.partial_unchanged)}."
            for file in written
            if file.partial_unchanged
        ],
        console,
    )
    print_lines(
        "Sound: ",
        [
            f"{file.output} keeps its sound; voices identify people. --no-sound leaves it out."
            for file in written
            if file.sound
        ],
        console,
    )
    print_lines("Check: ", report.check_notes, console)
    print_lines(
        "Not found: ",
        [f"nobody in any of the files is surely whom {image} shows." for image in report.not_found],
        console,
    )
    if report.not_checked:
        reason, _, fix = report.not_checked.partition("\n")
        print_lines("Not checked: ", [f"new faces were not compared with the original ones: {reason}"], console)
        print_lines("Try:   ", [fix] if fix else [], console)
