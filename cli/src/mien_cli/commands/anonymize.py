"""`mien anonymize`: the faces of images and videos, drawn as people who do not exist."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from mien_cli.console import messages, results
from mien_cli.options import HOW, Device, Output, Overwrite, Quality, Source, Threads
from mien_cli.progress import duration, shown_on
from mien_cli.reporting import listed, print_failures, print_lines, row_of

if TYPE_CHECKING:
    from mien import AnonymizeReport

EXIT_SOME_FAILED = 1
_SAFE = "What may be shown"


class Missing(StrEnum):
    """What becomes of frames in which a face may have been missed."""

    HIDE = "hide"
    REFUSE = "refuse"
    KEEP = "keep"


def anonymize(
    source: Source,
    output: Output,
    run: Annotated[
        Path,
        typer.Option(
            "--run",
            metavar="RUN",
            help="A run whose model invents people: its folder, or the name of an installed one.",
        ),
    ],
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Other people with another number.")] = 0,
    overwrite: Overwrite = False,
    missing: Annotated[
        Missing,
        typer.Option(
            help="Frames in which no face was found, or one is missing that is there before and after: hide them all "
            "over, refuse to write the file, or keep them as they are.",
            rich_help_panel=_SAFE,
        ),
    ] = Missing.HIDE,
    margin: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="So long before a face is found first and after it was found last its surroundings are hidden.",
            rich_help_panel=_SAFE,
        ),
    ] = 1.0,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="How faces are searched; by default as the run's datasets were. "
            "face_recognition:search=full finds more, as does blazeface.",
            rich_help_panel=_SAFE,
        ),
    ] = None,
    also_find: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="An extractor more: its faces are added where none was found. May be repeated.",
            rich_help_panel=_SAFE,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            help="Compare new faces with those that were there, in up to 50 frames a file.", rich_help_panel=_SAFE
        ),
    ] = True,
    recognizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What tells people, and new faces from old ones, apart; by default as RUN was trained.",
            rich_help_panel=_SAFE,
        ),
    ] = None,
    max_verified: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="If more of them than this share are still taken for the same person, the file is put beside OUTPUT, "
            "marked as rejected.",
            rich_help_panel=_SAFE,
        ),
    ] = 0.0,
    sound: Annotated[
        bool, typer.Option(help="Keep the sound of videos. Voices tell who speaks.", rich_help_panel=_SAFE)
    ] = True,
    blender: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="What sets faces in; feather by default.", rich_help_panel=HOW),
    ] = None,
    quality: Quality = None,
    threads: Threads = None,
    device: Device = None,
) -> None:
    """Draw every face of INPUT as somebody who does not exist, with the same expression, and write OUTPUT.

    A person of a video stays the same stranger throughout; in images, each face is one of its own.
    Where a face may have been missed, the image is hidden.
    Titles, places and other metadata are not carried over; what is drawn is labelled as synthetic.
    Hair, clothes, voices and places tell who somebody is, too: look at OUTPUT before you show it.
    Files that fail or are rejected are listed at the end, and the exit code is 1.

    [bold]Examples[/bold]

      mien anonymize street.mp4 street_anonymous.mp4 --run strangers
      mien anonymize clips anonymous --run strangers --seed 7 --no-sound
      mien anonymize crowd.mp4 out.mp4 --run strangers --extractor face_recognition:search=full --also-find blazeface
      mien anonymize interview.mp4 out.mp4 --run strangers --missing refuse
    """
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import Registry
    from mien import anonymize as run_anonymize

    registry = Registry()
    options: dict[str, Any] = {} if quality is None else {"quality": quality}
    with shown_on(messages()) as progress:
        report = run_anonymize(
            run,
            source,
            output,
            blender=blender or registry.default("blender"),
            seed=seed,
            extractor="+".join(filter(None, (extractor, *(also_find or ())))) or None,
            recognizer=recognizer,
            missing=missing.value,
            margin_seconds=margin,
            check=check,
            max_verified=max_verified,
            sound=sound,
            overwrite=overwrite,
            threads=threads,
            device=device,
            progress=progress,
            registry=registry,
            **options,
        )
    console = results()
    console.print(_summary(report))
    _print_what_to_look_at(report, console)
    if report.failures:
        print_failures(report.failures, console)
        if len(report.files) == 1:
            print_lines("Try:   ", [report.files[0].failure.partition("\n")[2]], console)
        raise typer.Exit(EXIT_SOME_FAILED)


def _summary(report: "AnonymizeReport") -> Table:
    check = report.check
    return row_of(
        {
            "Files": f"{sum(file.output is not None for file in report.files)}",
            "Frames": f"{report.frames}",
            "Seed": f"{report.seed}",
            "People": f"{report.people}",
            "Faces drawn": f"{report.faces}",
            "Bridged": f"{report.interpolated}",
            "Hidden": f"{report.frames_hidden}",
            "In part": f"{report.frames_hidden_in_part}",
            "Still verify": f"{check.verified}/{check.faces}" if check else "?",
            "Nearest": f"{check.smallest_distance:.2f}" if check and check.smallest_distance is not None else "–",
            "Failed": f"{len(report.failures)}",
            "Time": duration(report.seconds),
            "Frames/s": f"{report.frames_per_second:.1f}",
        }
    )


def _print_what_to_look_at(report: "AnonymizeReport", console: Console) -> None:
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
        "Left in: ",
        [
            f"{file.output}: a face seen before and after was not found and stays as it was "
            f"in frames {listed(file.left_in)}."
            for file in written
            if file.left_in
        ],
        console,
    )
    print_lines(
        "Sound: ",
        [
            f"{file.output} keeps its sound; voices tell who speaks. --no-sound leaves it out."
            for file in written
            if file.sound
        ],
        console,
    )
    if report.not_checked:
        reason, _, fix = report.not_checked.partition("\n")
        print_lines("Not checked: ", [f"new faces were not compared with those that were there: {reason}"], console)
        print_lines("Try:   ", [fix] if fix else [], console)
