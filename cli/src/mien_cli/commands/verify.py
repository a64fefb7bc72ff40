"""`mien verify`: what a file says of its making, and whether it was changed since."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mien_cli.console import results

if TYPE_CHECKING:
    from mien import FileVerification
    from mien.media.verify import Label

EXIT_NOT_VALID = 1
_STATES = {
    "valid": "valid: signed, and unchanged since",
    "changed": "not valid: the file was changed after it was signed",
    "invalid": "not valid: the credentials are damaged, forged or out of date",
    "none": "none: the file is not signed",
}
_TRUST = {
    "own key": "the key that mien made on this machine",
    "trusted": "a trusted certificate",
    "self-made key": "a key that mien made somewhere else: whose it is, nobody vouches for",
    "not trusted": "a certificate that nothing here vouches for",
}


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An image or a video.")],
    trust: Annotated[
        list[Path] | None,
        typer.Option(metavar="PEM", help="Certificates to trust beside this machine's own key; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Read the Content Credentials (C2PA) of FILE, in it or in FILE.c2pa beside it, and its IPTC label.

    They say who signed, whether the file was changed since, and what was done. Nothing is fetched.
    The exit code is 0 if they are valid, else 1: changed, damaged or absent.
    Anybody can remove credentials and label: without them, a file may be synthetic all the same.

    [bold]Examples[/bold]

      mien verify swapped.mp4
      mien verify street_anonymous.mkv --json
      mien verify press.jpg --trust agency_root.pem
    """
    # When the command runs, so that `mien --help` need not wait for it.
    from mien import verify as run_verify

    verification = run_verify(file, trust=trust or ())
    if json:
        typer.echo(verification.model_dump_json(indent=1))
    else:
        _print(verification, results())
    if not verification.is_valid:
        raise typer.Exit(EXIT_NOT_VALID)


def _print(found: "FileVerification", console: Console) -> None:
    lines: list[tuple[str, str]] = [("Credentials", _STATES[found.state])]
    if found.found_in and found.found_in != found.path:
        lines.append(("Found in", found.found_in))
    lines += [("Problem", problem) for problem in found.problems]
    if found.signed_by:
        by = found.signed_by
        lines.append(("Signed by", f"{by.organization}, {by.name}: {_TRUST[by.trust]}"))
    if found.made_by:
        lines.append(("Made by", found.made_by))
    lines += [("Source type", uri) for uri in found.digital_source_types]
    lines += [("Action", action) for action in found.actions]
    if found.run:
        lines.append(("Run", found.run))
    lines += [("Plugin", f"{use.kind} {use.choice} ({use.distribution} {use.version})") for use in found.plugins]
    lines.append(("Label", _label(found.label) if found.label else "none of mien's"))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        console.print(f"{name + ':':<{width + 1}} {text}", soft_wrap=True, markup=False, highlight=False)


def _label(label: "Label") -> str:
    run = f", run {label.run}" if label.run else ""
    return f"{label.digital_source_type}: {label.action} by mien {label.version}{run}"
