"""`mien anonymize`: the faces of images and videos, hidden or drawn as people who do not exist."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien_cli.anonymized_table import anonymized_summary, print_what_to_look_at
from mien_cli.console import messages, results
from mien_cli.drawing_options import DrawingOptions, with_drawing_options
from mien_cli.options import HOW, End, Output, Overwrite, Source, Start
from mien_cli.progress import shown_on
from mien_cli.reporting import (
    print_failures,
    print_lines,
    print_notes,
    print_passed_over,
    print_sidecars,
)

if TYPE_CHECKING:
    from mien import AnonymizeOptions

EXIT_SOME_FAILED = 1
_SAFETY = "Safety"
_WHO = "Who"


class Missing(StrEnum):
    """What becomes of frames in which a face may have been missed."""

    HIDE = "hide"
    REFUSE = "refuse"
    KEEP = "keep"


class Search(StrEnum):
    """How the frames of a video are searched."""

    FAST = "fast"
    THOROUGH = "thorough"


@with_drawing_options
def anonymize(
    source: Source,
    output: Output,
    method: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="METHOD",
            help="What replaces faces: a run whose model draws synthetic people, by its folder or as an installed one, "
            "as synthetic (the default); or a model that needs no run, as morph, blocks, blur or solid:color=black.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Random seed, 0 by default: another seed, other people. With a key, that says who is drawn instead.",
        ),
    ] = None,
    keep: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="REFERENCE",
            help="An image of somebody who stays visible, no clip; repeatable. In doubt nobody is kept.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    only: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="REFERENCE",
            help="An image of somebody who alone is anonymized, no clip; repeatable. Everybody else stays visible.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What is to become of whom, as TOML: each person kept, swapped or anonymized in a way of their own.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Secret key: with the same one, the same person gets the same new face in every file and call. Their "
            "encodings are stored beside it, encrypted, in FILE.people.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make such a key first, and use it. It is removed again if nothing was written.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    overwrite: Overwrite = False,
    missing: Annotated[
        Missing,
        typer.Option(
            help="What becomes of a frame without a detected face, or without one that is detected before and after: "
            "hide all of it, refuse to write the file, or keep it unchanged.",
            rich_help_panel=_SAFETY,
        ),
    ] = Missing.HIDE,
    margin: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Hide the surroundings of a face for this long before its first and after its last detection.",
            rich_help_panel=_SAFETY,
        ),
    ] = 1.0,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Extractor; by default those that find most, at a low threshold. Join several with +: each adds the "
            "faces that none before it found, as in centerface+blazeface.",
            rich_help_panel=_SAFETY,
        ),
    ] = None,
    search: Annotated[
        Search,
        typer.Option(
            help="How videos are searched. fast: in full three times a second and wherever a face appears or is lost, "
            "nearby in all other frames. thorough: in full in every frame, which takes several times as long.",
            rich_help_panel=_SAFETY,
        ),
    ] = Search.FAST,
    check: Annotated[
        bool,
        typer.Option(
            help="Search OUTPUT for faces that are still there, with extractors that took no part if there are any, "
            "hide them, and compare new faces with the original ones; in up to 50 frames a file.",
            rich_help_panel=_SAFETY,
        ),
    ] = True,
    recognizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Recognizer: the feature that tells people apart; the run's own by default.",
            rich_help_panel=_SAFETY,
        ),
    ] = None,
    max_verified: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Reject a file if more than this share of its new faces still match the original person. A rejected "
            "file is put beside OUTPUT and marked.",
            rich_help_panel=_SAFETY,
        ),
    ] = 0.0,
    sound: Annotated[
        bool, typer.Option(help="Keep the sound of videos. Voices identify people.", rich_help_panel=_SAFETY)
    ] = True,
    blender: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Blender; by default the one that the method asks for.", rich_help_panel=HOW),
    ] = None,
    masker: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="What of a new face is set in, as in brows+hands+glasses: what hands sees in front of a face stays "
            "as it was filmed. That may show whose face it is. By default as the method's run was made, and glasses "
            "stay, where that masker is installed. blocks, blur and solid cover what they cover, less what hands sees.",
            rich_help_panel=HOW,
        ),
    ] = None,
    enhance: Annotated[
        str,
        typer.Option(metavar="SPEC", help="Enhancers of new faces, joined by +, as match_grain.", rich_help_panel=HOW),
    ] = "",
    start: Start = None,
    end: End = None,
    *,
    drawing: DrawingOptions,
) -> None:
    """Hide every face of INPUT, or draw it as a person who does not exist, and write OUTPUT.

    A person is the same synthetic person throughout a video, and in all files of a folder.
    Where a face may have been missed, the image is hidden. So is a face that cannot be drawn.
    Titles, places and other metadata are left out; the output is labelled as synthetic.
    Hair, clothes, voices and places identify people, too: look at OUTPUT before you publish it.
    Files that fail or are rejected are listed at the end, and the exit code is 1.
    A video that takes more than a minute and a half is searched and drawn in segments of a minute: if the call is
    interrupted, even killed, the same command goes on after the last whole one. Until then a hidden folder beside
    OUTPUT holds what was found of the faces.
    --on does the files of a folder on a cluster, if nobody synthetic is drawn, as with blocks, blur or solid.

    [bold]Examples[/bold]

      mien anonymize street.mp4 street_anonymous.mp4
      mien anonymize street.mp4 out.mp4 --with blocks:count=6
      mien anonymize clips anonymous --seed 7 --no-sound
      mien anonymize interview.mp4 out.mp4 --keep anna.jpg --with blur
      mien anonymize clips anonymous --new-key project.key
      mien anonymize crowd.mp4 out.mp4 --with solid --extractor centerface+blazeface
      mien anonymize interview.mp4 out.mp4 --missing refuse
      mien anonymize street.mp4 out.mp4 --start 0:01:05 --end 0:01:20.500
      mien anonymize signing.mp4 out.mp4 --masker brows+hands --enhance match_grain
    """
    from mien.media.discovery import check_there

    check_there(source)  # before torch and the networks are loaded
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import AnonymizeOptions
    from mien import anonymize as run_anonymize
    from mien.workers.cluster import executor_on

    session = replace(
        drawing.session_options(start, end),
        extractor=extractor,
        recognizer=recognizer,
        blender=blender,
        masker=masker,
        enhancers=enhance,
        overwrite=overwrite,
    )
    options = AnonymizeOptions(
        keep=tuple(keep or ()),
        only=tuple(only or ()),
        people=policy,
        key=key,
        missing=missing.value,
        search=search.value,
        margin_seconds=margin,
        check=check,
        max_verified=max_verified,
        sound=sound,
    )
    with (
        _with_key(options, new_key, output) as options,
        shown_on(messages()) as progress,
        executor_on(drawing.on) as executor,
    ):
        report = run_anonymize(
            source,
            output,
            method=method,
            seed=seed,
            options=options,
            session=session,
            progress=progress,
            executor=executor,
        )
    console = results()
    console.print(anonymized_summary(report))
    print_what_to_look_at(report, console)
    print_notes(report.files, console)
    print_sidecars(report.files, console)
    print_passed_over(report.passed_over, console)
    if report.failures:
        print_failures(report.failures, console)
        if len(report.files) == 1:
            print_lines("Try:   ", [report.files[0].failure.partition("\n")[2]], console)
        raise typer.Exit(EXIT_SOME_FAILED)


@contextmanager
def _with_key(options: "AnonymizeOptions", new_key: Path | None, output: Path) -> "Iterator[AnonymizeOptions]":
    """The options with a key that is made, if one is. Raises MienError if there is one, or another was named as
    well."""
    from mien.anonymization.new_key import new_key as made
    from mien.errors import MienError

    if new_key is None:
        yield options
        return
    if options.key is not None:
        raise MienError("--key and --new-key name two keys.", f"--key {options.key}")
    with made(new_key, output) as key:
        yield replace(options, key=key)
