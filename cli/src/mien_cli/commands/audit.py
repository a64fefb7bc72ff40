"""`mien audit`: which faces of an anonymized image or video still show who was there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mien_cli.console import messages, results
from mien_cli.options import Threads
from mien_cli.progress import shown_on
from mien_cli.reporting import listed, made_or_kept, print_failures, print_lines, print_passed_over, row_of

if TYPE_CHECKING:
    from mien import AuditReport
    from mien.auditing.report import AuditedFile

EXIT_SOME_FAILED = 1
EXIT_LEAKS = 3


def audit(
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL", help="An image, a video, or a folder of them.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="What was made of it, by mien or any other tool.")],
    max_leaks: Annotated[int, typer.Option(metavar="N", min=0, help="Exit with code 3 above so many leaks.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write audit.json and the page index.html, which show the leaking faces; or nowhere.",
        ),
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", min=1, help="Audit each N-th frame of a video.")] = 1,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="If OUTPUT was made of a part of a video: from when on, as it was told."),
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Until when.")] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="What finds faces, several joined by +; by default all installed ones that did not make OUTPUT, as "
            "far as its Content Credentials say.",
        ),
    ] = None,
    recognizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What recognizes them; by default one that did not make OUTPUT, if any."),
    ] = None,
    judges: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            metavar="NAME",
            help="A further recognizer, which is reported beside; by default all others that did not make OUTPUT.",
        ),
    ] = None,
    keep: Annotated[
        list[Path] | None,
        typer.Option(metavar="IMAGE", help="Somebody who was to stay visible: no leak; may be repeated."),
    ] = None,
    least_score: Annotated[
        float,
        typer.Option(metavar="SCORE", min=0, max=1, help="Faces of a lower score are listed as doubtful, not counted."),
    ] = 0.5,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    threads: Threads = None,
) -> None:
    """Search OUTPUT for faces that still show who was there.

    A face leaks if it is unchanged at its place, or if it is still recognized as the person at that place.
    All frames are searched, in both files; frames shown at the same time belong together.
    Of folders, files belong together by name; a file of OUTPUT without an original is searched by itself.
    The exit code is 3 if there are more leaks than --max-leaks, or a file without an original shows a face.
    It is 1 if a file of a folder could not be audited.

    [bold]Examples[/bold]

      mien audit street.mp4 street_anonymous.mp4
      mien audit street.mp4 street_deface.mp4 --out report --every 5
      mien audit album album_anonymous --keep anna.jpg
    """
    from mien.media.discovery import check_there

    check_there(original, output)  # before torch and the networks are loaded
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import AuditOptions
    from mien import audit as run_audit
    from mien.media.part import Part

    options = AuditOptions(
        extractor=extractor,
        recognizer=recognizer,
        judges=None if judges is None else tuple(judges),
        keep=tuple(keep or ()),
        every=every,
        part=Part.between(start, end),
        least_score=least_score,
        threads=threads,
    )
    with shown_on(messages()) as progress:
        report, unwritten = made_or_kept(
            lambda: run_audit(original, output, options=options, out=out, progress=progress)
        )
    if json:
        typer.echo(report.model_dump_json(indent=1))
    else:
        _print(report, results())
        if out is not None and unwritten is None:
            results().print(f"Page: {out / 'index.html'}", soft_wrap=True)
    if unwritten:
        raise unwritten
    if len(report.leaks) > max_leaks or report.unexplained:
        raise typer.Exit(EXIT_LEAKS)
    if report.failures:
        raise typer.Exit(EXIT_SOME_FAILED)


def _print(report: "AuditReport", console: Console) -> None:
    from mien.auditing.figures import figures_of, told_of

    console.print(
        row_of(
            {
                "Files": f"{len(report.files)}",
                "No original": f"{len(report.without_original)}",
                "Frames": f"{report.frames}",
                "Faces": f"{report.faces}",
                "People": f"{report.verification.people}",
                "Leaks": f"{len(report.leaks)}",
                "Unchanged": f"{sum(leak.is_unchanged for leak in report.leaks)}",
                "Recognized": f"{sum(leak.is_recognized for leak in report.leaks)}",
                "Doubtful": f"{len(report.doubtful)}",
                "Kept": f"{sum(file.kept for file in report.files)}",
                "Failed": f"{len(report.failures)}",
            }
        )
    )
    figures = figures_of(report)
    width = max(len(name) for name, _, _ in figures)
    for name, value, _ in figures:
        console.print(f"{name + ':':<{width + 1}} {value}", soft_wrap=True, highlight=False, markup=False)
    for title, which in (("Leaks: ", "leaking_frames"), ("Doubtful: ", "doubtful_frames")):
        print_lines(title, [_where(file, getattr(file, which)) for file in report.files
                            if getattr(file, which)], console)  # fmt: skip
    unpaired = sorted(report.without_original, key=lambda file: not file.faces)  # those that show faces first
    print_lines("No original: ", list(map(told_of, unpaired)), console)
    print_lines("Note: ", [*report.notes, *(f"{file.output}: {note}." for file in report.files for note in file.notes)],
                console)  # fmt: skip
    print_lines("No output: ", report.without_output, console)
    print_passed_over([Path(path) for path in report.passed_over], console)
    if report.failures:
        print_failures({Path(path): failure for path, failure in report.failures.items()}, console)


def _where(file: "AuditedFile", frames: list[int]) -> str:
    from mien.inference.report import as_ranges

    return f"{file.output}." if file.frames == 1 else f"{file.output}: frames {listed(as_ranges(frames))}."
