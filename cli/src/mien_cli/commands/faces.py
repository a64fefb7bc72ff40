"""`mien faces`: the faces of images and videos as JSON, for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from mien_cli.console import messages, results
from mien_cli.progress import duration, shown_on
from mien_cli.reporting import print_failures, print_lines, print_passed_over, row_of

EXIT_SOME_FAILED = 1
_SEARCH = "How to search"


def faces(
    sources: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Images, videos, or folders of them.")],
    out: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Where to write it, whole or not at all; by default stdout.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    points: Annotated[
        bool, typer.Option("--points", help="Write all points that the extractor knows, beside the 68 landmarks.")
    ] = False,
    identities: Annotated[
        bool, typer.Option("--identities/--no-identities", help="Tell people apart; without, it takes less time.")
    ] = True,
    recognizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What tells people apart; encoding by default.", rich_help_panel=_SEARCH),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="What finds faces, several joined by +, as centerface+blazeface; face_recognition by default.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Search as mien anonymize does: small, turned and doubtful faces too.",
            rich_help_panel=_SEARCH,
        ),
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Threads that search; one per core by default.", rich_help_panel=_SEARCH),
    ] = None,
) -> None:
    """List the faces of images and videos as JSON: boxes, landmarks, tracks, scores and who is the same person.

    Of a video all frames are searched, and a face is followed from frame to frame.
    A person has the same number in all files of the call.
    A file that cannot be read stands in the list with the reason, and the exit code is 1.

    [bold]Examples[/bold]

      mien faces party.jpg
      mien faces holiday.mp4 --out faces.json
      mien faces album clips --out faces.json --extractor centerface+blazeface
      mien faces crowd.mp4 --out faces.json --thorough --no-identities
    """
    from mien.media.discovery import check_there

    check_there(*sources)  # before torch and the networks are loaded
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import FacesOptions, MienError, find_faces, write_faces
    from mien.detection.document import as_json
    from mien.media.files import check_file

    if out is not None and out.exists() and not overwrite:
        raise MienError(f"{out} would be overwritten.", "Add --overwrite, or write to another path.")
    if out is not None:
        check_file(out)
    options = FacesOptions(
        extractor=extractor, thorough=thorough, recognizer=recognizer, identities=identities, threads=threads
    )
    with shown_on(messages()) as progress:
        report = find_faces(sources, options=options, progress=progress)
    if out is None:
        for text in as_json(report, points=points):
            typer.echo(text, nl=False)
    else:
        console = results()
        row = {
            "Files": f"{len(report.files) - len(report.failures)}",
            "Frames": f"{report.frames}",
            "Faces": f"{report.faces}",
            "Tracks": f"{report.tracks}",
            "People": f"{report.people}" if report.recognizer else "not told",
            "Failed": f"{len(report.failures)}",
            "Time": duration(report.seconds),
        }
        console.print(row_of(row))
        print_lines("Note: ", [f"{file.path}: {note}." for file in report.files for note in file.notes], console)
        write_faces(out, report, points=points)
    print_passed_over(report.passed_over, messages())
    if report.failures:
        print_failures({Path(path): why for path, why in report.failures.items()}, messages())
        raise typer.Exit(EXIT_SOME_FAILED)
