"""`mien evaluate`: how well a run draws faces that it never saw."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from mien.counted import counted
from mien.errors import MienError
from mien_cli.console import messages, results
from mien_cli.metrics_table import metrics_table
from mien_cli.progress import shown_on
from mien_cli.reporting import made_or_kept, print_lines

if TYPE_CHECKING:
    from mien.evaluation import Evaluation
    from mien.media.part import Part


def evaluate(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run of mien train, or an installed run.")
    ] = None,
    on: Annotated[
        Path | None, typer.Option("--on", metavar="DATASET", help="A preprocessed dataset to judge it by.")
    ] = None,
    video: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="ORIGINAL RESULT", help="Instead of RUN: two videos, or two images, the second made by any tool."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Whom to draw; by default each person of the run in turn.")
    ] = None,
    faces: Annotated[int, typer.Option(metavar="N", min=2, help="Faces to judge by, at most.")] = 100,
    last: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Only this share at the end of each clip; by default what training held out, or all of another.",
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--reference", metavar="IMAGE", help="With --video: the person whom RESULT is to show. May be repeated."
        ),
    ] = None,
    every: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="With --video: compare each N-th frame; flicker is told of all alone."),
    ] = 1,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="With --video: if RESULT was made of a part of it, from when on, as it was told."
        ),
    ] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Until when.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Whom to invent, for a model that does.")] = 0,
    blender: Annotated[str | None, typer.Option(metavar="SPEC", help="What sets faces in; feather by default.")] = None,
    extractor: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Extractor, or several joined with +; the dataset's own by default."),
    ] = None,
    recognizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="What recognizes faces; by default as RUN was trained.")
    ] = None,
    judges: Annotated[
        list[str] | None,
        typer.Option(
            "--judge", metavar="NAME", help="A further recognizer, used for nothing else. May be given repeatedly."
        ),
    ] = None,
    expressions: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A feature that judges expressions; blendshapes by default, if installed."),
    ] = None,
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(metavar="DATASET", help="A dataset that an exported RUN was trained on; may be repeated."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="CLUSTER",
            help="Look at the drawn faces on a Ray cluster: ray for that of this machine, ray://HOST:10001 for another "
            "one; its machines see the same files.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write; by default RUN/evaluations/DATASET, with --video nowhere. An installed run needs it.",
        ),
    ] = None,
) -> None:
    """Measure how well RUN draws the faces of DATASET, beside baselines that have learnt nothing.

    Each drawn face is set into its scene, and found, measured and recognized there.
    Of a dataset that RUN was trained on, only what training held out counts.
    It writes evaluation.json and index.html, a page with faces and curves.
    With --video, what any tool has made of a video is measured: each face of ORIGINAL beside what stands at its place
    in RESULT. --out gets video.json, index.html with frames and curves, and landmarks and encodings as the package
    hifd reads them.

    [bold]Examples[/bold]

      mien evaluate anna-ben --on ben
      mien evaluate synthetic --on carla --faces 50 --seed 7
      mien evaluate --video street.mp4 street_anonymous.mp4 --out report
      mien evaluate --video ben.mp4 swapped.mp4 --reference anna.jpg
    """
    if video is not None:
        from mien.media.part import Part

        if run is not None or on is not None or cluster is not None:
            raise MienError(
                "With --video there is neither a RUN nor --on or --cluster.", "mien evaluate --video ORIGINAL RESULT"
            )
        part = Part.between(start, end)
        _evaluate_video(video, extractor, recognizer, judges, expressions, references, every, part, out)
        return
    if start is not None or end is not None:
        raise MienError(
            "--start and --end are of a video.", "mien evaluate --video ORIGINAL RESULT --start TIME --end TIME"
        )
    if run is None or on is None:
        raise MienError(
            "It is not said what to evaluate.",
            "mien evaluate RUN --on DATASET, or mien evaluate --video ORIGINAL RESULT",
        )
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien.evaluation.evaluate import evaluate as run_evaluate
    from mien.evaluation.options import EvaluateOptions
    from mien.evaluation.report import folder_of
    from mien.workers.cluster import executor_on

    with shown_on(messages()) as progress, executor_on(cluster, "--cluster") as executor:
        options = EvaluateOptions(
            to=to,
            faces=faces,
            last=last,
            seed=seed,
            blender=blender,
            extractor=extractor,
            recognizer=recognizer,
            judges=tuple(judges or ()),
            expressions=expressions,
            trained_on=tuple(trained_on or ()),
        )
        evaluation, unwritten = made_or_kept(
            lambda: run_evaluate(run, on, options=options, out=out, progress=progress, executor=executor)
        )
    _tell(evaluation)
    if unwritten:
        raise unwritten
    results().print(f"\nPage: {(out or folder_of(run, on)) / 'index.html'}", soft_wrap=True)


def _evaluate_video(
    video: tuple[Path, Path],
    extractor: str | None,
    recognizer: str | None,
    judges: list[str] | None,
    expressions: str | None,
    references: list[Path] | None,
    every: int,
    part: "Part",
    out: Path | None,
) -> None:
    from mien.evaluation.videos import VideoOptions, evaluate_video

    options = VideoOptions(
        extractor=extractor,
        recognizer=recognizer,
        judges=None if judges is None else tuple(judges),
        expressions=expressions,
        references=tuple(references or ()),
        every=every,
        part=part,
    )
    with shown_on(messages()) as progress:
        evaluation, unwritten = made_or_kept(
            lambda: evaluate_video(*video, options=options, out=out, progress=progress)
        )
    console = results()
    by = ", ".join(record.choice for record in evaluation.recognizers)
    expressed = f"; expressions by {evaluation.expressions.choice}" if evaluation.expressions else ""
    console.print(
        f"{counted(evaluation.frames, 'frame')}. Found by {evaluation.extractor}; recognized by {by}{expressed}.",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column("")
    for face in evaluation.faces:
        table.add_column(f"face {face.face + 1}", justify="right")
    for title, texts in evaluation.rows():
        table.add_row(title, *texts)
    console.print(table)
    print_lines("Note: ", evaluation.notes, console)
    if unwritten:
        raise unwritten
    if out is not None:
        console.print(f"Figures: {out / 'video.json'}\nPage: {out / 'index.html'}", soft_wrap=True)


def _tell(evaluation: "Evaluation") -> None:
    from mien.evaluation.metric_table import beaten
    from mien.evaluation.page import facts_of

    console = results()
    for line in facts_of(evaluation):
        console.print(line, soft_wrap=True)
    for person in evaluation.drawn_as:
        rows = [
            metrics
            for is_baseline in (False, True)
            for metrics in evaluation.metrics_of(person, is_baseline=is_baseline)
        ]
        console.print()
        console.print("People who do not exist" if person is None else f"Drawn as {person}", style="bold")
        console.print(metrics_table([(metrics.name, metrics) for metrics in rows]))
        for sentence in beaten(rows[0], rows[1:]):
            console.print(sentence, soft_wrap=True)
