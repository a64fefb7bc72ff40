"""Images for datasets of tests, what is said while these are made, and what they hold in the end."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.dataset import Dataset


class Listener:
    """A Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.tracklets: list[tuple[str, int | None, int]] = []
        self.said: list[str] = []

    def start(self, what: str, total: int | None) -> None:
        self.tracklets.append((what, total, 0))

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        what, total, done = self.tracklets[-1]
        self.tracklets[-1] = (what, total, done + steps)

    def say(self, message: str) -> None:
        self.said.append(message)


def write(path: Path, image: Any) -> Path:
    """Write an image as PNG, so that it is read back as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return path


def with_corner(image: Any, color: tuple[int, int, int]) -> Any:
    marked = image.copy()
    marked[0, 0] = color
    return marked


def contents(dataset: Path) -> dict[str, Any]:
    """All that a dataset says, in a form that can be compared."""
    opened = Dataset.open(dataset)
    arrays = sorted((dataset / "faces" / "arrays").iterdir())
    images = sorted((dataset / "faces" / "images").rglob("*.png"))
    return {
        "info": opened.info,
        "index": [
            {**row, "person": row["person"].replace(opened.name, "its own")} for row in opened.index().to_pylist()
        ],
        "dropped": opened.dropped().to_pylist(),
        "arrays": {path.name: path.read_bytes() for path in arrays},
        "images": {str(path.relative_to(dataset)): path.read_bytes() for path in images},
    }


def likeness(image: Any, other: Any) -> float:
    """Correlation of two images' values."""
    return float(np.corrcoef(image.ravel(), other.ravel())[0, 1])


def nothing_is_left(dataset: Path) -> bool:
    return sorted(path.name for path in dataset.iterdir()) == ["faces", "raw"] and sorted(
        path.name for path in (dataset / "faces").iterdir()
    ) == ["arrays", "dataset.json", "images", "index.parquet"]
