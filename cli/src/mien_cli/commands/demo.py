"""`mien demo`: the whole path on clips that come along."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mien_cli.console import messages, results
from mien_cli.progress import duration, shown_on

if TYPE_CHECKING:
    from mien_cli.demo.run_demo import DemoReport


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where everything is written.")] = Path("demo-out"),
    model: Annotated[
        str, typer.Option(metavar="SPEC", help="What draws the new face, as expression:preset=small.")
    ] = "morph",
    minutes: Annotated[float, typer.Option(metavar="N", help="Training of a model that is trained by steps.")] = 2.0,
    recognizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="What recognizes the faces of the result; encoding by default.")
    ] = None,
) -> None:
    """Swap one person onto another in a clip of two seconds, and anonymize it; about 1½ minutes on 2 cores.

    The clips come with mien: two people who published them under the MIT licence. Nothing is downloaded. It writes
    swapped.mp4, anonymous.mp4, contact_sheet.png and report.json, and leaves datasets and run to look at.

    [bold]Examples[/bold]

      mien demo
      mien demo --model expression:preset=small --minutes 10 --out expression
    """
    from mien_cli.demo.run_demo import run_demo  # when it runs, so that `mien --help` need not wait for torch

    with shown_on(messages()) as progress:
        report = run_demo(out, model=model, minutes=minutes, recognizer=recognizer, progress=progress)
    _tell(report)


def _tell(report: "DemoReport") -> None:
    comparison = report.comparison
    face = comparison.faces[0]
    recognizer = comparison.recognizers[0]
    whose = face.identity[recognizer.choice]
    rows = [
        ("faces found", ", ".join(f"{name} {count}" for name, count in report.faces.items())),
        ("drawn by", report.model + (f", {report.steps} steps" if report.steps else ", fitted")),
        ("seconds", ", ".join(f"{stage} {taken:.0f}" for stage, taken in report.seconds.items())),
        ("all together", duration(sum(report.seconds.values()))),
        ("frames with a face", f"{face.found:.0%} of the {face.frames} that were compared"),
        (
            f"nearer to {report.new_face} than to {report.old_face}",
            f"{whose.nearer_to_reference or 0:.0%} of the frames",
        ),
    ]
    limit = f"below {whose.same_person_below:g}: the same person"
    for who, distance in ((report.new_face, whose.to_reference), (report.old_face, whose.to_original)):
        if distance is not None:
            rows.append((f"distance to {who}, median", f"{distance:.2f}   ({limit})"))
    follows = face.follows | ({} if face.motion is None else {"blink": face.motion.follows.get("blink", float("nan"))})
    rows += [(f"{name.replace('_', ' ')} follows", f"r = {value:.2f}") for name, value in follows.items()]
    rows += [
        (
            "anonymized",
            f"{report.still_match} of {report.compared} compared faces still "
            f"{'matches' if report.still_match == 1 else 'match'} the person filmed",
        ),
        ("swapped", str(report.video)),
        ("anonymous", str(report.anonymous)),
        ("contact sheet", str(report.sheet)),
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows:
        table.add_row(name, value)
    results().print(table)
