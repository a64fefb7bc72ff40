"""`mien preprocess`: from images and videos to a dataset of faces."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien_cli.console import messages, results
from mien_cli.options import End, On, Start
from mien_cli.progress import duration, shown_on
from mien_cli.reporting import print_passed_over

if TYPE_CHECKING:
    from mien.dataset import Dataset
    from mien.dataset.preprocess import PreprocessReport
    from mien.geometry.alignment import AlignmentConfig


class PeopleChoice(StrEnum):
    """`mien.dataset.info.People`, which loads more than a help page needs."""

    dataset = "dataset"
    folders = "folders"
    recognizer = "recognizer"


_PROBLEMS = ("unreadable", "failed")  # how the reasons begin that are not about faces
_PROBLEMS_SHOWN = 5
_WHAT = "What to keep"
_HOW = "How to work"


def preprocess(
    dataset: Annotated[
        Path,
        typer.Argument(metavar="DATASET", help="Folder of the dataset; its images and videos are in DATASET/raw."),
    ],
    more_sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Further sources after --from, as a shell writes *.mp4."),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="An image, video or folder instead of raw/; may be repeated, and names all sources: faces from what "
            "is no longer named drop out.",
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    extractor: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Extractor, or several joined with +; face_recognition by default."),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="SPEC", help="What to measure, as landmarks:points=28+thumbnail:size=8.")
    ] = "",
    alignment: Annotated[
        str, typer.Option(metavar="KEY=VALUE,…", help="How faces are cut out, as size=256,template=ffhq,margin=0.5.")
    ] = "",
    masker: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="What of a crop is face, as brows:raise_by=0.3; brows by default."),
    ] = None,
    keep_person: Annotated[
        Path | None,
        typer.Option(metavar="REFERENCE", help="Keep only faces of the person in that image.", rich_help_panel=_WHAT),
    ] = None,
    recognizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What tells people apart; encoding by default.", rich_help_panel=_WHAT),
    ] = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="Keep one face of each image: the largest.", rich_help_panel=_WHAT)
    ] = False,
    people: Annotated[
        PeopleChoice | None,
        typer.Option(
            help="Who is in it: one person, named after the dataset (the default); whoever subfolders are named after; "
            "or groups of faces that look like one person each.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="Write the small copies as arrays only.", rich_help_panel=_WHAT)
    ] = False,
    no_copies: Annotated[
        bool, typer.Option("--no-copies", help="Write no small copies of the crops at all.", rich_help_panel=_WHAT)
    ] = False,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes; one per core by default.", rich_help_panel=_HOW)
    ] = None,
    on: On = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin anew, whatever is there already.", rich_help_panel=_HOW)
    ] = False,
) -> None:
    """Find the faces of images and videos, cut them out and measure them.

    Stopped at any point and called again, it goes on. Called again later, it
    does what is new: images, videos, features. --from names all sources: what
    is no longer named drops out.

    [bold]Examples[/bold]

      mien preprocess anna
      mien preprocess anna --from holiday.mp4 --keep-person anna.jpg
      mien preprocess anna --from holiday.mp4 --start 1:05 --end 1:20.5
      mien preprocess anna --features landmarks+thumbnail:size=8
      mien preprocess family --people folders --alignment size=256,shift_y=0.1
      mien preprocess archive --on ray://head:10001
    """
    from mien import PreprocessOptions  # when the command runs: it loads OpenCV
    from mien import preprocess as run
    from mien.media.part import Part

    options = PreprocessOptions(
        extractor=extractor,
        features=features,
        masker=masker,
        alignment=_alignment(alignment),
        keep_person=keep_person,
        recognizer=recognizer,
        largest=largest,
        people=people.value if people else None,
        part=Part.between(start, end),
        copies=not no_copies,
        images=not no_images,
        workers=workers,
        again=again,
    )
    from mien.workers.cluster import executor_on

    with shown_on(messages()) as progress, executor_on(on) as executor:
        report = run(
            dataset, _all(dataset, sources, more_sources), options=options, progress=progress, executor=executor
        )
    console = results()
    console.print(_summary(report))
    if report.no_mask:
        console.print(Text(_of_no_mask(report), style="yellow"), soft_wrap=True)
    _print_problems(report.dataset, console)
    print_passed_over(report.passed_over, console)


def _all(dataset: Path, sources: list[Path] | None, more: list[Path] | None) -> list[Path] | None:
    """The sources of --from and those after it. Raises MienError if they come without it."""
    from mien.errors import MienError

    if more and not sources:
        raise MienError(
            f"{more[0]} is no option.", f"mien preprocess {dataset} --from {' '.join(str(path) for path in more)}"
        )
    return [*sources, *(more or ())] if sources else None


def _alignment(text: str) -> "AlignmentConfig | None":
    if not text:
        return None
    from mien.dataset.options import dataset_alignment
    from mien.plugins.choice import parse_choice

    return dataset_alignment(parse_choice(f"alignment:{text}").settings)


def _summary(report: "PreprocessReport") -> Table:
    counts = report.dataset.info.counts
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    row = {
        "Read": counts.read,
        "Faces": counts.faces,
        "No face": counts.no_face,
        "Not kept": counts.dropped,
        "Unreadable": counts.unreadable,
        "Failed": counts.failed,
    }
    for heading in row:
        table.add_column(heading, justify="right")
    cells = [str(count) for count in row.values()]
    if report.images_done:
        table.add_column("Time", justify="right")
        table.add_column("Images/s", justify="right")
        cells += [duration(report.seconds), f"{report.images_per_second:.1f}"]
    if (people := len(report.dataset.people)) > 1:
        table.add_column("People", justify="right")
        cells.append(str(people))
    table.add_row(*cells)
    return table


def _of_no_mask(report: "PreprocessReport") -> str:
    return (
        f"{report.no_mask} of {report.faces} faces have next to no mask: the masker {report.dataset.info.masker} "
        "leaves less than 1 % of their crops as face (255)."
    )


def _print_problems(dataset: "Dataset", console: Console) -> None:
    """The first few files and frames that could not be used, and where all of them stand."""
    dropped = dataset.dropped().select(["source", "frame", "dropped"])
    problems = [row for row in dropped.to_pylist() if row["dropped"].startswith(_PROBLEMS)]
    if not problems:
        return
    for row in problems[:_PROBLEMS_SHOWN]:
        name, why = Path(row["source"]).name, row["dropped"]
        where = row["source"] if row["frame"] is None else f"{row['source']}, frame {row['frame']}"
        problem = why if row["frame"] is None and name in why else f"{where}: {why}"
        console.print(Text(problem[:1].upper() + problem[1:], style="yellow"), soft_wrap=True)
    rest = len(problems) - _PROBLEMS_SHOWN
    stands = f"{dataset.path / 'faces' / 'index.parquet'}, column dropped"
    console.print(Text(f"{rest} more in {stands}." if rest > 0 else f"Also in {stands}."), soft_wrap=True)
