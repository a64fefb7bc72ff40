"""Whether a folder may become a run, and that one call at a time trains it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator

from mien.errors import MienError
from mien.media.files import held_alone, writing_to
from mien.plugins.run_location import RECORD
from mien.training import checkpoints
from mien.training.weights import WEIGHTS

_LEFT = "previews", "tensorboard"


def refuse_a_run_in(folder: Path) -> None:
    """Raise MienError if it holds a run, unless that ended before its first checkpoint."""
    if not (folder / RECORD).exists():
        return
    if checkpoints.newest(folder) is not None:
        fix = f"mien train --run {folder} --resume   (or rm -r {folder}, to begin anew)"
        raise MienError(f"{folder} holds a run already.", fix)
    if (folder / WEIGHTS).exists():  # of a run that was exported
        raise MienError(f"{folder} holds a run already.", f"--run {folder}-2")


def tidy(folder: Path) -> None:
    """Take away what a run left that ended before its first checkpoint."""
    for name in _LEFT:
        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def held(folder: Path, accelerator: Accelerator) -> Iterator[None]:
    """Hold the folder, which is made for that, in the main process. Raises MienError if another call trains there."""
    if not accelerator.is_main_process:
        yield
        return
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held_alone(folder, f"{folder} is being trained by another call."):
        yield
