"""Calls over a video in short segments, which can be interrupted after any frame."""

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mien import AnonymizeOptions, AnonymizeReport, SessionOptions, anonymize
from mien.inference.report import AnonymizedFile
from mien.media.part import Part
from mien.progress import Silent

FRAMES, SEGMENTS, LONGEST = 24, 4, 7
FIRST_TWO = 12
"""So many frames the first two segments have."""
SEARCHING, DRAWING, CHECKING = "analyzing", "drawing", "checking the output"


class Stopped(Exception):
    """A call is interrupted."""


@dataclass
class Heard(Silent):
    """Stops a call after so many frames of a pass, and keeps what it says and does."""

    stop_after: dict[str, int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    doing: str = ""

    def start(self, what: str, total: int | None) -> None:
        self.doing = what.partition(": ")[2] or DRAWING

    def advance(self, steps: int = 1, **figures: float | int | str) -> None:
        self.done[self.doing] += steps == 1
        if self.done[self.doing] == self.stop_after.get(self.doing):
            raise Stopped

    def say(self, message: str) -> None:
        self.said.append(message)


def run(source: Path, output: Path, *, segment_seconds: float = 0.2, **settings: Any) -> AnonymizeReport:
    """By default a clip's first 24 frames, in four segments of five to seven, with blocks."""
    call = {key: settings.pop(key) for key in ("progress", "registry", "method", "seed") if key in settings}
    of_session = {key: settings.pop(key) for key in ("quality", "extractor", "recognizer") if key in settings}
    session = SessionOptions(
        **{
            "extractor": "blazeface",
            "credentials": False,
            "overwrite": True,
            "part": Part(end=Fraction(4, 5)),
            "segment_seconds": segment_seconds,
            **of_session,
        }
    )
    options = AnonymizeOptions(**{"check": False, **settings})
    return anonymize(source, output, options=options, session=session, **{"method": "blocks", **call})


def hidden_in(folder: Path) -> list[Path]:
    return list(folder.glob(".*"))


def as_said(report: AnonymizeReport) -> AnonymizedFile:
    (file,) = report.files
    return replace(file, output=None)


def interrupted(source: Path, output: Path, **settings: Any) -> None:
    """A call that is stopped when it has searched all, and drawn two segments and a bit."""
    with pytest.raises(Stopped):
        run(source, output, progress=Heard({DRAWING: FIRST_TWO + 2}), **settings)
