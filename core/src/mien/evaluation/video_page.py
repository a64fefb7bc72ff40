"""The page of an evaluation of a video: its table, and for each face a strip of frames and curves over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import RgbImage
from mien.counted import counted
from mien.evaluation.html import embedded, write_html
from mien.evaluation.plots import over_time
from mien.evaluation.video_report import VideoEvaluation
from mien.media.grid import write_grid
from mien.media.provenance import read_provenance

PAGE = "index.html"
VIEW_PX = 160
"""Side of a view of a face."""
SHOWN_FRAMES = 7
"""A strip shows so many frames."""

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


class View(NamedTuple):
    """What stands at one place in a frame: both cut by the original's landmarks, uint8 (V, V, 3)."""

    seconds: float
    original: RgbImage
    result: RgbImage


@dataclass(frozen=True, slots=True)
class FaceOverTime:
    """What the page shows of one face."""

    views: Sequence[View]
    """Of some of its frames."""
    seconds: NDArray[np.float64]
    """float64 (N,): when it was seen."""
    curves: Mapping[str, Pair]
    """What it is, with its unit → of the original and of the result, float64 (N,) each; NaN where it is not known."""


class _Entry(NamedTuple):
    title: str
    meaning: str


_LEGEND = (
    _Entry("found", "share of the frames in which the result shows a face at its place; 100 % is best"),
    _Entry("to original, is original", "median distance to the face that was there, and how often it is taken for it"),
    _Entry("to reference, is reference", "the same to the person of the reference images"),
    _Entry("mouth r, mouth width r, eyes r", "correlation with the original over the frames, by landmarks; 1 is best"),
    _Entry("jaw r, smile r, brows r, blink r, gaze r", "the same by blendshapes, whoever the face is"),
    _Entry("lids close", "how far the lids close where the original's do, as a share of the original's"),
    _Entry("pose °", "mean angle between the head poses; 0 is best"),
    _Entry("turns °", "the same, less the constant by which one face's features look turned beside another's"),
    _Entry("detail", "variance of the Laplacian in the face, as a share of the original's; noise counts as detail"),
    _Entry(
        "flicker",
        "change of the face from frame to frame beside what its own movement explains, as a multiple of the "
        "original's; 1 is best",
    ),
)


def write_video_page(folder: Path, evaluation: VideoEvaluation, faces: Sequence[FaceOverTime]) -> Path:
    """Write FOLDER/index.html, and the strip of each face as PNG beside it. Returns the page's path.

    faces: as many as the evaluation has. Raises MienError if it may not be written.
    """
    result = Path(evaluation.result)
    made = read_provenance(result)
    table = {
        "title": "Figures",
        "columns": _LEGEND,
        "headings": [(f"face {face.face + 1}", "") for face in evaluation.faces],
        "rows": [
            {"name": title, "is_baseline": False, "cells": [(text, False) for text in texts]}
            for title, texts in evaluation.rows()
        ],
        "sentences": evaluation.notes,
        "images": [],
    }
    parts = [table]
    for number, face in enumerate(faces):
        strip = folder / f"face{number + 1}.png"
        columns = [[view.original, view.result] for view in face.views]
        titles = [f"{view.seconds:.2f} s" for view in face.views]
        write_grid(strip, columns, titles, ["original", "result"], synthetic=made, cell_px=VIEW_PX)
        images = [("The original above, the result below", embedded(strip.read_bytes()))]
        if len(face.seconds) > 1:
            images.append(
                (
                    "Over time: the original black, the result blue. Openings and widths are shares of the distance "
                    "between the eyes",
                    embedded(over_time(face.seconds, face.curves)),
                )
            )
        parts.append(
            {
                "title": f"Face {number + 1}",
                "columns": (),
                "headings": [],
                "rows": [],
                "sentences": [],
                "images": images,
            }
        )
    path = folder / PAGE
    write_html(
        path,
        title=f"{result.name} beside {Path(evaluation.original).name}",
        facts=_facts(evaluation),
        parts=parts,
        images=[],
        provenance=made.note() if made else f"{result.name} may show faces that were drawn.",
    )
    return path


def _facts(evaluation: VideoEvaluation) -> list[str]:
    by = ", ".join(record.choice for record in evaluation.recognizers)
    expressed = f" Expressions by {evaluation.expressions.choice}." if evaluation.expressions else ""
    every = f", one of {evaluation.every}" if evaluation.every > 1 else ""
    lines = [
        f"{counted(evaluation.frames, 'frame')}{every}. Found by {evaluation.extractor}; recognized by {by}.{expressed}"
    ]
    if evaluation.references:
        lines.append(f"The person of the references: {', '.join(Path(path).name for path in evaluation.references)}.")
    return lines
