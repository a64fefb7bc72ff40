"""Options that several commands share, so that they mean and say the same in each."""

from pathlib import Path
from typing import Annotated

import typer

HOW = "How to draw and write"

Source = Annotated[Path, typer.Argument(metavar="INPUT", help="An image, a video, or a folder of them.")]
Output = Annotated[Path, typer.Argument(metavar="OUTPUT", help="Where to write it; a folder for a folder.")]
Start = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Of videos: from when on, in seconds or HH:MM:SS.mmm from the first frame."),
]
End = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of videos: until when; the frame shown then is left out.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Threads that search for faces; one per core by default.", rich_help_panel=HOW
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="CLUSTER",
        help="Work on a Ray cluster: ray for that of this machine, ray://HOST:10001 for another one; its machines see "
        "the same files.",
        rich_help_panel=HOW,
    ),
]
