"""Damaged files of every format give a whole result or a clear error: a small part of what core/bench/fuzz.py tries."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[1] / "bench" / "fuzz.py"


def fuzz(pictures: int, clips: int, seed: int) -> str:
    amount = ("--pictures", str(pictures), "--clips", str(clips), "--seed", str(seed))
    run = subprocess.run([sys.executable, FUZZ, *amount], capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr[-4000:]}"
    return run.stdout


@pytest.mark.long
def test_damaged_files_are_no_defect() -> None:
    table = fuzz(pictures=8, clips=4, seed=1)
    assert table.count("| `anonymize` |") == 4  # pictures and clips, alone and in a folder


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_damaged_files_are_no_defect() -> None:
    fuzz(pictures=200, clips=60, seed=2)
