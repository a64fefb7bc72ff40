"""What an evaluation, or a comparison, can be asked for."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_FACES = 100


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """Whom a run draws when it is evaluated, on which faces, and by what it is measured."""

    to: str | None = None
    """The person to draw. None: people of the run in turn, or, if the model draws nobody by name, synthetic people."""
    faces: int = DEFAULT_FACES
    """At most so many faces, spread evenly."""
    last: float | None = None
    """Only this share at the end of each clip, also of a dataset that the run was not trained on; None: what training
    held out, or all of a dataset that it was not trained on."""
    seed: int = 0
    """Random seed of the synthetic people."""
    blender: str | None = None
    """What sets faces in; None: the default of those installed."""
    extractor: str | None = None
    """What finds faces in the results; None: what the dataset was made with."""
    recognizer: str | None = None
    """What says whose faces they are; None: the run's."""
    judges: tuple[str, ...] = ()
    """Further recognizers, which took part in nothing."""
    expressions: str | None = None
    """The feature that judges what faces do, one whose values are named as blendshapes are; None: the default of those
    installed, if there is one."""
    trained_on: tuple[Path, ...] = ()
    """Where the datasets lie that an exported run was trained on, which it does not say itself."""


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """On which faces runs are put side by side, and by what they are recognized; all else as by default."""

    faces: int = DEFAULT_FACES
    """At most so many faces, spread evenly."""
    last: float | None = None
    """Only this share at the end of each clip; None: what training held out. Needed if the runs held out others."""
    recognizer: str | None = None
    """What says whose faces they are; None: that of all the runs, or the default."""
    trained_on: tuple[Path, ...] = ()
    """Where the datasets lie that an exported run was trained on, which it does not say itself."""
