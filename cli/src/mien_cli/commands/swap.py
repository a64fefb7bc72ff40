"""`mien swap`: the faces of images and videos, drawn as a person of a run, or as whom images show."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien.counted import counted
from mien_cli.blender_table import print_comparison
from mien_cli.console import messages, results
from mien_cli.drawing_options import DrawingOptions, with_drawing_options
from mien_cli.options import HOW, End, Output, Overwrite, Source, Start
from mien_cli.progress import duration, shown_on
from mien_cli.reporting import (
    listed,
    print_failures,
    print_lines,
    print_notes,
    print_passed_over,
    print_sidecars,
    row_of,
)

if TYPE_CHECKING:
    from mien import SwapReport

EXIT_SOME_FAILED = 1


@with_drawing_options
def swap(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of a run of mien train, an installed run, or a model that needs no training."
        ),
    ],
    source: Source,
    output: Output,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PERSON",
            help="Whom to draw: one of the run's people; needed if it knows several. Repeat it with --person.",
        ),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Instead of --to, if the model can: an image of whom to draw, one face in it, a folder of images, or "
            "a clip. Several show more of them: repeat it.",
        ),
    ] = None,
    person: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="REFERENCE",
            help="Draw only the person in that image anew; otherwise every face. Repeat it with --to.",
        ),
    ] = None,
    recognizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What tells people apart; by default as RUN was trained."),
    ] = None,
    start: Start = None,
    end: End = None,
    sound: Annotated[bool, typer.Option(help="Keep the sound of videos.", rich_help_panel=HOW)] = True,
    overwrite: Overwrite = False,
    blender: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="What sets faces in; feather by default. auto: the one that suits INPUT best, of those installed.",
            rich_help_panel=HOW,
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Extractor; the run's own by default. Join several with +: each adds the faces that none before it "
            "found, as in centerface+blazeface.",
            rich_help_panel=HOW,
        ),
    ] = None,
    masker: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="What of a drawn face is set in; by default as the run's datasets were made, and glasses stay, where "
            "that masker is installed.",
            rich_help_panel=HOW,
        ),
    ] = None,
    enhance: Annotated[
        str,
        typer.Option(metavar="SPEC", help="Enhancers of drawn faces, joined by +.", rich_help_panel=HOW),
    ] = "",
    *,
    drawing: DrawingOptions,
) -> None:
    """Draw the faces of INPUT as a person of RUN, or as whom images show, and write OUTPUT whole or not at all.

    Sound, frame times and orientation of a video stay as they are.
    What is drawn is labelled as synthetic.
    Of a folder, files that fail are listed at the end, and the exit code is 1.
    --blender auto tries blenders on some faces of INPUT and shows them in OUTPUT.blenders.png.
    A video that takes more than a minute and a half is drawn in segments of a minute: if the call is interrupted, even
    killed, the same command goes on after the last whole one.
    --on does files of a folder, and segments of long videos, on a cluster, with the same results.

    [bold]Examples[/bold]

      mien swap morph holiday.mp4 swapped.mp4 --reference anna.jpg
      mien swap anna-ben holiday.mp4 swapped.mp4 --to anna
      mien swap anna-ben party.jpg swapped.jpg --to anna --person ben.jpg
      mien swap trio party.mp4 swapped.mp4 --to anna --person ben.jpg --to carla --person dan.jpg
      mien swap anna-ben clips swapped --to anna --quality 23
      mien swap anna-ben holiday.mp4 swapped.mp4 --to anna --start 1:05 --end 1:20.5
      mien swap anna-ben holiday.mp4 swapped.mp4 --to anna --blender auto
    """
    from mien.media.discovery import check_there

    check_there(source)  # before torch and the networks are loaded
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import swap as run_swap
    from mien.workers.cluster import executor_on

    options = replace(
        drawing.session_options(start, end),
        extractor=extractor,
        masker=masker,
        recognizer=recognizer,
        blender=blender,
        enhancers=enhance,
        person=tuple(person or ()),
        sound=sound,
        overwrite=overwrite,
    )
    with shown_on(messages()) as progress, executor_on(drawing.on) as executor:
        report = run_swap(
            run,
            source,
            output,
            to or (),
            reference=reference or (),
            options=options,
            progress=progress,
            executor=executor,
        )
    console = results()
    if report.comparison:
        print_comparison(report.comparison, console)
    console.print(_summary(report))
    _print_no_face(report, console)
    _print_partial(report, console)
    _print_undrawn(report, console)
    print_notes(report.files, console)
    print_sidecars(report.files, console)
    print_passed_over(report.passed_over, console)
    if report.failures:
        print_failures(report.failures, console)
        raise typer.Exit(EXIT_SOME_FAILED)


def _summary(report: "SwapReport") -> Table:
    row = {
        "Files": f"{sum(file.output is not None for file in report.files)}",
        "Frames": f"{report.frames}",
        "Faces drawn": f"{report.faces}",
        "Interpolated": f"{report.interpolated}",
        "Left": f"{report.undrawn}",
        "No face": f"{report.frames_no_face}",
        "Partial": f"{report.frames_partial}",
        "Failed": f"{len(report.failures)}",
        "Time": duration(report.seconds),
        "Frames/s": f"{report.frames_per_second:.1f}",
    }
    return row_of(row)


def _print_no_face(report: "SwapReport", console: Console) -> None:
    """Which frames are as they were: whoever wants a face gone has to know."""
    files = [file for file in report.files if file.no_face and file.output]
    lines = [
        f"{file.output}: no face was drawn{'' if file.frames == 1 else f' in frames {listed(file.no_face)}'}."
        for file in files
    ]
    print_lines("Unchanged: ", lines, console)


def _print_partial(report: "SwapReport", console: Console) -> None:
    """In which frames a face is as it was beside one that was drawn."""
    lines = [
        f"{file.output}: a face seen before and after was not found and is unchanged in frames {listed(file.partial)}."
        for file in report.files
        if file.partial
    ]
    print_lines("Partial: ", lines, console)


def _print_undrawn(report: "SwapReport", console: Console) -> None:
    """How many faces are as they were because the extractors found no landmarks on them."""
    lines = [
        f"{file.output}: {counted(file.undrawn, 'face')} found without the landmarks to be drawn by; nothing was "
        "changed there. Add an extractor that measures them: --extractor A+B."
        for file in report.files
        if file.undrawn
    ]
    print_lines("Left: ", lines, console)
