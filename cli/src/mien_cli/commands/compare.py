"""`mien compare`: runs side by side, evaluated on the same faces."""

from pathlib import Path
from typing import Annotated

import typer

from mien_cli.console import messages, results
from mien_cli.metrics_table import metrics_table
from mien_cli.progress import shown_on
from mien_cli.reporting import made_or_kept


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="Folders of runs of mien train, or installed runs.")
    ],
    on: Annotated[Path, typer.Option("--on", metavar="DATASET", help="A preprocessed dataset to evaluate them on.")],
    faces: Annotated[int, typer.Option(metavar="N", min=2, help="Faces to evaluate on, at most.")] = 100,
    last: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Only this share at the end of each clip; needed where runs held out different shares.",
        ),
    ] = None,
    recognizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="What recognizes faces; by default as the runs were trained.")
    ] = None,
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(metavar="DATASET", help="A dataset that an exported run was trained on; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to write comparison.json and index.html; or nowhere.")
    ] = None,
) -> None:
    """Put runs side by side, evaluated on the same faces of DATASET. What is evaluated already is not evaluated again.

    [bold]Examples[/bold]

      mien compare anna-small anna-large --on anna
      mien compare runs/* --on ben --last 0.1 --out comparison
    """
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien.evaluation.compare import compare as run_compare
    from mien.evaluation.options import CompareOptions

    with shown_on(messages()) as progress:
        comparison, unwritten = made_or_kept(
            lambda: run_compare(
                runs,
                on,
                options=CompareOptions(faces, last, recognizer, tuple(trained_on or ())),
                out=out,
                progress=progress,
            )
        )
    console = results()
    for person, rows in comparison.tables().items():
        console.print("People who do not exist" if person is None else f"Drawn as {person}", style="bold")
        console.print(metrics_table(rows))
        console.print()
    if unwritten:
        raise unwritten
    if out is not None:
        console.print(f"Page: {out / 'index.html'}", soft_wrap=True)
