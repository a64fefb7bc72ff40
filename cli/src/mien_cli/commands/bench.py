"""`mien bench`: how long each stage takes on this machine, and whole jobs beside what they could take."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien_cli.console import messages, results
from mien_cli.progress import shown_on

if TYPE_CHECKING:
    from mien import BenchReport


def bench(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="A video with a face from its first frame on.")],
    methods: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="METHOD", help="Methods to anonymize with; by default all; may be repeated."),
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="A run to swap with, too.")] = None,
    to: Annotated[str | None, typer.Option(metavar="PERSON", help="Whom the run draws.")] = None,
    frames: Annotated[int, typer.Option(metavar="N", min=1, help="Frames that go through each stage.")] = 48,
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="How often each is measured.")] = 3,
    no_training: Annotated[bool, typer.Option("--no-training", help="Leave out the training of models.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL", help="A model to train, as deepfakes:size=64; by default all, small; may be repeated."
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell the time of a training step apart by kinds of operation, too.")
    ] = False,
    stages_only: Annotated[
        bool, typer.Option("--stages-only", help="Leave out the training of models and whole jobs.")
    ] = False,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")] = None,
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them there as a page of Markdown.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Figures of before, as JSON: print the ratios, too.")
    ] = None,
) -> None:
    """Measure how long decoding, searching, drawing, training and each other stage take on this machine.

    Stages are measured by themselves, in processor time; whole jobs with all cores, beside their slowest stage. A step
    of training of each model is measured by itself and within the loop, beside what a large convolution reaches.
    Files that are there are replaced.

    [bold]Examples[/bold]

      mien bench clip.mp4
      mien bench clip.mp4 --with blocks --json figures.json
      mien bench clip.mp4 --stages-only --compare figures.json
      mien bench clip.mp4 --model deepfakes --profile
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or torch's profiler writes that it begins and ends
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import BenchOptions, BenchReport
    from mien import bench as run_bench
    from mien.media.files import check_file, whole_file

    for asked in (json, page):
        if asked:
            check_file(asked)
    before = BenchReport.read(compare) if compare else None
    options = BenchOptions(
        frames=frames,
        repeats=repeats,
        methods=tuple(methods) if methods else None,
        run=run,
        to=to,
        training=not (no_training or stages_only),
        models=tuple(model) if model else None,
        profile=profile,
        whole=not stages_only,
    )
    with shown_on(messages()) as progress:
        report = run_bench(clip, options=options, progress=progress)
    _print(report, before, results())
    for path, text in ((json, report.model_dump_json(indent=1) + "\n"), (page, report.page())):
        if path:
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")


def _print(report: "BenchReport", before: "BenchReport | None", console: Console) -> None:
    ratios = report.ratios(before) if before else {}
    cores = report.machine.cores
    console.print(f"{report.machine.processor}, {cores} cores; load {report.machine.load:.1f}", highlight=False)
    stages = Table("Stage", "What", "ms a frame", *(["Times before"] if before else []), box=None)
    for one in report.stages:
        ratio = _ratio(ratios.get((one.stage, one.what)))
        stages.add_row(one.stage, one.what, f"{one.milliseconds:.2f}", *([ratio] if before else []))
    console.print(stages)
    if report.training:
        columns = ("Training", "ms a step", "In the loop", "Share", "Faces/s", "GFLOP/s", "Peak", "Share", "MB")
        training = Table(*columns, *(["Times before"] if before else []), box=None)
        for model in report.training:
            training.add_row(
                model.what,
                f"{model.bare_milliseconds:.1f}",
                f"{model.loop_milliseconds:.1f}",
                f"{model.share:.0%}",
                f"{model.rate:.0f}",
                f"{model.gflops:.0f}",
                f"{model.peak_gflops:.0f}",
                f"{model.share_of_peak:.0%}",
                "–" if model.peak_memory_mb is None else f"{model.peak_memory_mb:.0f}",
                *([_ratio(ratios.get(("training", model.what)))] if before else []),
            )
        console.print(training)
        _print_profile(report, console)
    if report.whole:
        head = ("Job", "Frames/s", "ms a frame", "Slowest stage", "Its limit", "Share", "Busy", "Attainable")
        whole = Table(*head, *(["Times before"] if before else []), box=None)
        for job in report.whole:
            limit = job.limit(cores)
            whole.add_row(
                job.what,
                f"{job.rate:.1f}",
                f"{1000 * job.processor_seconds / job.frames:.1f}",
                job.slowest_stage,
                f"{limit:.1f}",
                f"{job.rate / limit:.0%}",
                f"{job.busy(cores):.0%}",
                f"{job.attainable:.0%}",
                *([_ratio(ratios.get(("whole", job.what)))] if before else []),
            )
        console.print(whole)
    for what, why in report.left_out.items():
        console.print(f"Not measured: {what}: {why}", markup=False, soft_wrap=True)


def _print_profile(report: "BenchReport", console: Console) -> None:
    profiled = {one.what: one.shares for one in report.training if one.shares}
    if profiled:
        kinds = list(next(iter(profiled.values())))
        table = Table("A step's time", *(kind.capitalize() for kind in kinds), box=None)
        for what, shares in profiled.items():
            table.add_row(what, *(f"{share:.0%}" for share in shares.values()))
        console.print(table)


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"
