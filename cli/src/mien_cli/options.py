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
Quality = Annotated[
    int | None,
    typer.Option(metavar="0…51", help="Of videos: 0 is best, 51 smallest (x264's CRF).", rich_help_panel=HOW),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of videos: encode by libx265 for smaller files, or by a graphics card: h264_nvenc, hevc_nvenc, av1_nvenc "
        "(NVIDIA), h264_qsv, … (Intel), h264_amf, … (AMD). By default the processor, as the file asks for.",
        rich_help_panel=HOW,
    ),
]
Segment = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Of videos: how long the segments are in which a longer one is drawn; 60 by default. A call that was "
        "interrupted goes on after the last whole one.",
        rich_help_panel=HOW,
    ),
]
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
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help="Where to draw, as cpu or cuda:1; a GPU if any.", rich_help_panel=HOW),
]
Credentials = Annotated[
    bool,
    typer.Option(
        "--credentials/--no-credentials",
        help="Sign what is written with Content Credentials (C2PA), which say that its faces are generated.",
        rich_help_panel=HOW,
    ),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        metavar="PEM",
        help="Certificate to sign with, those above it after it; by default a key that is made on first use.",
        rich_help_panel=HOW,
    ),
]
PrivateKey = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Private key of --certificate.", rich_help_panel=HOW)
]
