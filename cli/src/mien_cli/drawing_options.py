"""How `mien swap` and `mien anonymize` draw and write: the options that both take, and what the core makes of them."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mien_cli.options import HOW, On, Threads

if TYPE_CHECKING:
    from mien import SessionOptions


class DrawingOptions(NamedTuple):
    """What was chosen of them; the fields stand in the order of the help."""

    quality: Annotated[
        int | None,
        typer.Option(metavar="0…51", help="Of videos: 0 is best, 51 smallest (x264's CRF).", rich_help_panel=HOW),
    ] = None
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of videos: encode by libx265 for smaller files, or by a graphics card: h264_nvenc, hevc_nvenc, "
            "av1_nvenc (NVIDIA), h264_qsv, … (Intel), h264_amf, … (AMD). By default the processor, as the file asks "
            "for.",
            rich_help_panel=HOW,
        ),
    ] = None
    segment: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Of videos: how long the segments are in which a longer one is drawn; 60 by default. A call that was "
            "interrupted goes on after the last whole one.",
            rich_help_panel=HOW,
        ),
    ] = None
    threads: Threads = None
    on: On = None
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="Where to draw, as cpu or cuda:1; a GPU if any.", rich_help_panel=HOW),
    ] = None
    credentials: Annotated[
        bool,
        typer.Option(
            "--credentials/--no-credentials",
            help="Sign what is written with Content Credentials (C2PA), which say that its faces are generated.",
            rich_help_panel=HOW,
        ),
    ] = True
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM",
            help="Certificate to sign with, those above it after it; by default a key that is made on first use.",
            rich_help_panel=HOW,
        ),
    ] = None
    private_key: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Private key of --certificate.", rich_help_panel=HOW)
    ] = None

    def session_options(self, start: str | None, end: str | None) -> "SessionOptions":
        """What a session makes of them and of the part of a video from `--start` to `--end`.

        Raises MienError if these are no times.
        """
        from mien import SessionOptions
        from mien.inference.segment_length import SEGMENT_SECONDS
        from mien.media.part import Part
        from mien.media.video_writer import DEFAULT_QUALITY

        return SessionOptions(
            threads=self.threads,
            device=self.device,
            part=Part.between(start, end),
            segment_seconds=SEGMENT_SECONDS if self.segment is None else self.segment,
            credentials=self.credentials,
            certificate=self.certificate,
            private_key=self.private_key,
            quality=DEFAULT_QUALITY if self.quality is None else self.quality,
            encoder=self.encoder,
        )


def with_drawing_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it: with a parameter for each of these options in place of `drawing`, its last.

    command: takes them together, as the keyword argument `drawing`.
    """
    fields = inspect.signature(DrawingOptions).parameters

    @wraps(command)
    def gathered(**given: Any) -> None:
        drawing = DrawingOptions(**{name: given.pop(name) for name in fields})
        command(**given, drawing=drawing)

    own = inspect.signature(command)
    others = [parameter for name, parameter in own.parameters.items() if name != "drawing"]
    gathered.__signature__ = own.replace(parameters=[*others, *fields.values()])  # type: ignore[attr-defined]
    return gathered
