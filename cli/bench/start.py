"""How long a person waits for help, for the list of plugins and for one picture: median seconds of several starts.

.venv/bin/python cli/bench/start.py tests/data/images/stills/grace_hopper.jpg --swap RUN --to PERSON

The line of typer is what typer and rich take by themselves to show the help of two commands that do nothing. Without a
picture none is anonymized, without a run none is swapped. Modules keep their bytecode, as they do unless
PYTHONDONTWRITEBYTECODE is set: the first start, which is not counted, may compile them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NOTHING = """
import typer
app = typer.Typer(rich_markup_mode="rich")
app.command("one")(lambda: None)
app.command("two")(lambda: None)
app()
"""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Measure, and print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", help="picture to anonymize and to swap")
    parser.add_argument("--swap", metavar="RUN", help="run that draws the person")
    parser.add_argument("--to", metavar="PERSON")
    parser.add_argument("--starts", type=int, default=11)
    options = parser.parse_args()
    for arguments in (["--help"], ["plugins"], ["plugins", "--check"], ["train", "--help"]):
        print_median(f"mien {' '.join(arguments)}", options.starts, "-m", "mien_cli", *arguments)
    print_median("typer alone --help", options.starts, "-c", NOTHING, "--help")
    if not options.image:
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = (options.image, str(Path(folder) / "out.png"), "--overwrite")
        for method in ("blocks", "morph", "synthetic"):
            print_median(f"mien anonymize --with {method}", options.starts, "-m", "mien_cli", "anonymize", *paths,
                         "--with", method)  # fmt: skip
        if options.swap:
            print_median("mien swap", options.starts, "-m", "mien_cli", "swap", options.swap, *paths,
                         "--to", options.to)  # fmt: skip


def seconds(*command: str) -> float:
    """One start of Python, from outside."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
                   check=True)  # fmt: skip
    return time.perf_counter() - began


def print_median(name: str, starts: int, *command: str) -> None:
    """Of several starts."""
    seconds(*command)  # the first one reads from the disk
    print(f"{name:31} {statistics.median(seconds(*command) for _ in range(starts)):.2f} s", flush=True)


if __name__ == "__main__":
    main()
