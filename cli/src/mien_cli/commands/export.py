"""`mien export`: a run to be handed on, as a folder or as a distribution that pip installs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mien.errors import MienError
from mien_cli.console import results
from mien_cli.next_commands import uses

_PACKAGE = "As a distribution"


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a trained run, or the name of an installed one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to write it; RUN-export by default, or mien-run-NAME."),
    ] = None,
    license: Annotated[
        str, typer.Option(metavar="TEXT", help="License of the weights, as the card and mien runs state it.")
    ] = "",
    data_license: Annotated[
        str, typer.Option(metavar="TEXT", help="License of the data that it was trained on, likewise.")
    ] = "",
    package: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write a distribution that pip installs; NAME is then what users type for RUN.",
            rich_help_panel=_PACKAGE,
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="The distribution's version; 0.1.0 by default.", rich_help_panel=_PACKAGE),
    ] = None,
    license_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text of the license, to come along as LICENSE.", rich_help_panel=_PACKAGE),
    ] = None,
) -> None:
    """Write RUN without what only training needs: settings, weights in half precision, and a card.

    The card says what it draws, what it was trained on, licenses, and how well it does.
    No path of this machine is written. The names of people and datasets are.

    [bold]Examples[/bold]

      mien export anna-ben --license CC-BY-4.0 --data-license "with the consent of both"
      mien export anna-ben --package anna_ben --version 1.0
    """
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import export_package, export_run
    from mien.training.run import RunRecord

    console = results()
    if package is None:
        for option, value in (("--version", version), ("--license-file", license_file)):
            if value is not None:
                raise MienError(
                    f"{option} is for a distribution.", f"mien export {run} --package NAME {option} {value}"
                )
        written = export_run(run, out or Path(f"{run.name}-export"), license=license, data_license=data_license)
        hints, name = [("Card", f"{written / 'card.md'}")], str(written)
    else:
        written = export_package(
            run,
            package,
            out,
            package_version=version or "0.1.0",
            license=license,
            license_file=license_file,
            data_license=data_license,
        )
        hints, name = [("Card", f"{written / 'README.md'}")], package
        hints += [("Install", f"pip install {written}"), ("Wheel", f"pip wheel --no-deps {written}")]
    (folder,) = (path.parent for path in written.rglob("run.toml"))
    record = RunRecord.read(folder)
    hints += uses(name, record.targets, record.people)
    for path in sorted(path for path in written.rglob("*") if path.is_file()):
        console.print(Text(f"  {path}"), soft_wrap=True)
    for heading, command in hints:
        console.print(Text.assemble((f"{heading:9}  ", "bold"), (command, "cyan")), soft_wrap=True)
