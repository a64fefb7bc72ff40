"""What a run writes down while it learns: metrics.jsonl, and the same for TensorBoard."""

import json
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from mien.media.files import whole_file, writing_to

FILE = "metrics.jsonl"


class MetricsLog:
    """Adds a line of numbers for a step. Only the main process writes."""

    def __init__(self, accelerator: Accelerator, run: Path, from_step: int) -> None:
        """Lines of steps after `from_step` are dropped: a run that went back must not tell its past twice."""
        self._accelerator = accelerator
        self._path = run / FILE
        accelerator.init_trackers("tensorboard")
        if accelerator.is_main_process and self._path.exists():
            kept = [line for line in self._path.read_text().splitlines(True) if _step_of(line) <= from_step]
            with whole_file(self._path) as partial:
                partial.write_text("".join(kept))

    def add(self, step: int, values: dict[str, float]) -> None:
        """Write one line: {"step": …, **values}. Raises MienError if the disk is full."""
        self._accelerator.log(values, step=step)
        if self._accelerator.is_main_process:
            rounded: dict[str, Any] = {name: float(f"{value:.7g}") for name, value in values.items()}
            with writing_to(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **rounded}) + "\n")


class Averages:
    """Means of figures since the last line of the log."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._faces = 0
        self._seconds = 0.0

    def add(self, figures: dict[str, float], faces: int, seconds: float) -> None:
        """Take in those of a step, which took so long for so many faces."""
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps, self._faces, self._seconds = self._steps + 1, self._faces + faces, self._seconds + seconds

    @property
    def faces_per_second(self) -> float:
        """Since the last line."""
        return self._faces / max(self._seconds, 1e-9)

    def take(self) -> dict[str, float]:
        """The means; the next ones begin."""
        means = {name: total / self._steps for name, total in self._sums.items()}
        means["faces_per_second"] = self.faces_per_second
        self._sums, self._steps, self._faces, self._seconds = {}, 0, 0, 0.0
        return means


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError):  # the line that a kill cut off
        return float("inf")
