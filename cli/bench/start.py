"""How long a person waits for help and for the list of plugins: median seconds of several starts.

.venv/bin/python cli/bench/start.py
"""

import statistics
import subprocess
import sys
import time

STARTS = 11


def seconds(*arguments: str) -> float:
    """One start of `mien`, from outside."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "mien_cli", *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


for command in (["--help"], ["plugins"], ["plugins", "--check"], ["train", "--help"]):
    seconds(*command)  # the first one reads from the disk
    print(f"mien {' '.join(command):13} {statistics.median(seconds(*command) for _ in range(STARTS)):.2f} s")
