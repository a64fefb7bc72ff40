"""How long a person waits for help and for the list of plugins: median seconds of several starts.

.venv/bin/python cli/bench/start.py

The last line is what typer and rich take by themselves to show the help of two commands that do nothing.
"""

import statistics
import subprocess
import sys
import time

STARTS = 11


NOTHING = """
import typer
app = typer.Typer(rich_markup_mode="rich")
app.command("one")(lambda: None)
app.command("two")(lambda: None)
app()
"""


def seconds(*command: str) -> float:
    """One start of Python, from outside."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def print_median(name: str, *command: str) -> None:
    """Of several starts."""
    seconds(*command)  # the first one reads from the disk
    print(f"{name:18} {statistics.median(seconds(*command) for _ in range(STARTS)):.2f} s")


for arguments in (["--help"], ["plugins"], ["plugins", "--check"], ["train", "--help"]):
    print_median(f"mien {' '.join(arguments)}", "-m", "mien_cli", *arguments)
print_median("typer alone --help", "-c", NOTHING, "--help")
