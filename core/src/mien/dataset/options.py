"""What preprocessing can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.contracts.plugin import read_config
from mien.dataset.info import People
from mien.geometry.alignment import AlignmentConfig
from mien.media.part import WHOLE, Part

_WITH_FOREHEAD = {"margin": 0.1, "shift_y": 0.08}
"""The study's crop, with a margin of 0.05, ends right above the brows: no masker could set new ones in."""


def dataset_alignment(settings: Mapping[str, Any] | None = None) -> AlignmentConfig:
    """How a new dataset's faces are cut out, if nothing else is said than this.

    settings: fields of `AlignmentConfig`. What the template `landmarks` leaves open leaves room for the forehead. The
    study's crop is margin=0.05, shift_y=0. Raises MienError for an unknown or impossible setting.
    """
    settings = settings or {}
    if settings.get("template", "landmarks") == "landmarks":
        settings = {**_WITH_FOREHEAD, **settings}
    return read_config(AlignmentConfig, settings, "the alignment", shown_by="mien preprocess --help")


@dataclass(frozen=True, slots=True)
class PreprocessOptions:
    """How faces are found, cut out and measured, and which are kept.

    What is not asked for stays: a dataset that is there keeps its features, its filters and its images.
    """

    extractor: str | None = None
    """What finds faces, as a plugin choice, or several joined by `+`. None: what the dataset was made with; for a new
    one, the default of those installed."""
    features: str = ""
    """What is measured, as `landmarks:points=28+thumbnail:size=8`."""
    masker: str | None = None
    """What of a crop is face: maskers joined by `+`. None: as in the dataset; for a new one, the default masker."""
    alignment: AlignmentConfig | None = None
    """How faces are cut out. None: as in the dataset; for a new one, what
    `dataset_alignment` says."""
    keep_person: Path | None = None
    """An image of the person whose faces alone are kept."""
    recognizer: str | None = None
    """What tells people apart, for `keep_person` and for people="recognizer": a feature choice. None: what the dataset
    was made with; for a new one, what `mien.tracking.recognizer.default_recognizer` says."""
    largest: bool = False
    """Whether only the largest face of an image (of that person) is kept."""
    people: People | None = None
    """Who is in the dataset: "dataset", one person, named after it; "folders", whoever the subfolders of the sources
    are named after; "recognizer", groups of faces that the recognizer takes for one person each, the encodings of
    which are stored as a feature. None: as in the dataset; for a new one, "dataset"."""
    copies: bool = True
    """Whether small copies of the crops are written, black around the face, of 2, 4, … up to 128 px, as arrays."""
    images: bool = True
    """Whether those copies are written as PNG, too."""
    part: Part = WHOLE
    """Of videos: from when to when they are read. The whole: as in the dataset; for a new one, all of them."""
    workers: int | None = None
    """How many processes; None: one per core."""
    again: bool = False
    """Whether the dataset is made anew, whatever it was made with; it then has what is asked for now, and nothing
    else."""
