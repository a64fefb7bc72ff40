"""What an audit found, as it is written to audit.json."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mien.tracking.recognizer_record import RecognizerRecord

_CONFIG = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Leak(BaseModel):
    """A face of the output that shows who was there."""

    model_config = _CONFIG

    output: str
    frame: int
    """The output's, from 0."""
    seconds: float
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the original, made square."""
    score: float
    """How sure the extractor is, in [0, 1]."""
    in_original: bool
    in_output: bool
    """Whether the extractor finds it in each."""
    unchanged: float | None
    """How much of the face's best half is as it was, in [0, 1]; None: nothing can be said of it."""
    distance: float | None
    """How far it lies from the original face, as the recognizer measures; None: it was not compared."""
    is_unchanged: bool
    is_recognized: bool
    """Why it is a leak: one or both."""
    person: int | None
    """Who of the original it is, from 0; None: not told."""
    image: str | None = None
    """Where the report keeps the face before and after, below its folder; None: not kept."""


class AuditedFile(BaseModel):
    """What was found in one file."""

    model_config = _CONFIG

    original: str
    output: str
    frames: int
    """Frames that were audited."""
    faces: int
    """Faces found in the original in them."""
    compared: int
    """Faces whose encodings were compared."""
    kept: int
    """Faces of people who were to stay visible."""
    leaks: int
    doubtful: int
    """Faces that would be leaks, if they are faces: the extractor is not sure enough, or finds none in the original."""
    leaking_frames: list[int]
    doubtful_frames: list[int]
    notes: list[str]
    failure: str = ""
    """Why it could not be audited."""


class UnpairedFile(BaseModel):
    """A file of the output that no original belongs to: nothing can be said of its faces, but that they are there."""

    model_config = _CONFIG

    output: str
    frames: int
    """Frames that were searched."""
    faces: int
    """Faces found in them."""
    kept: int
    """Faces of people who were to stay visible; not among `faces`."""
    doubtful: int
    """Finds of which the extractor is not sure enough; not among `faces`."""
    frames_with_faces: list[int]
    failure: str = ""
    """Why it could not be searched."""


class Guesses(BaseModel):
    """How often an attacker guesses who it is (rank 1)."""

    model_config = _CONFIG

    faces: int
    people: int
    right: float
    """Share of the faces, in [0, 1]."""
    by_chance: float
    """What such guesses hit by chance: share, in [0, 1]."""


class VerificationRates(BaseModel):
    """How often a protected face passes as its person, at a false accept rate of 0.1 %."""

    model_config = _CONFIG

    impostor_pairs: int
    """Pairs of a face and another person by which the threshold is told; 1000 are needed."""
    people: int
    true_accepts: float | None
    """Share of the protected faces, in [0, 1]; None: there are too few pairs to tell."""
    below: float | None
    """The threshold."""


class Verification(BaseModel):
    """How well people are found again by protected faces, over all files."""

    model_config = _CONFIG

    faces: int
    """Faces compared."""
    people: int
    verified: int
    """Faces still nearer to the face that was at their place than the recognizer's threshold."""
    smallest_distance: float | None
    identified: Guesses | None
    """Guessed by the original's people; None: there is one person alone."""
    accepted: VerificationRates | None
    enrolled: Guesses | None
    """Guessed by an attacker who knows half of the protected faces by name; None: there are too few."""
    trained: Guesses | None
    """Guessed by a linear classifier trained on protected faces; None: there are too few."""


class JudgedFaces(BaseModel):
    """What a further recognizer says of the faces that were compared."""

    model_config = _CONFIG

    recognizer: RecognizerRecord
    same_person_below: float
    faces: int
    """Faces compared."""
    verified: int
    """Faces that it still takes for the person who was at their place."""
    smallest_distance: float | None


class AuditReport(BaseModel):
    """What `mien.audit` found."""

    model_config = _CONFIG

    extractor: str
    recognizer: RecognizerRecord
    same_person_below: float
    independent: bool
    """Whether extractor and recognizer took no part, as far as the files say what did."""
    notes: list[str]
    files: list[AuditedFile]
    without_output: list[str]
    """Originals of the folder that have no output."""
    without_original: list[UnpairedFile] = []
    """Files of the output's folder that have no original."""
    passed_over: list[str] = []
    """Files of the output's folder that are neither images nor videos, and folders of both that are only linked to."""
    leaks: list[Leak]
    doubtful: list[Leak]
    verification: Verification
    judges: list[JudgedFaces] = []
    """Further recognizers: what they still recognize does not count as a leak."""

    @property
    def frames(self) -> int:
        """Images and frames audited."""
        return sum(file.frames for file in self.files) + sum(file.frames for file in self.without_original)

    @property
    def faces(self) -> int:
        """Faces found in them."""
        return sum(file.faces for file in self.files)

    @property
    def failures(self) -> dict[str, str]:
        """Outputs that could not be audited, and why."""
        failed = [(file.output, file.failure) for file in self.files]
        failed += [(file.output, file.failure) for file in self.without_original]
        return {output: failure for output, failure in failed if failure}

    @property
    def unexplained(self) -> list[UnpairedFile]:
        """Files that show a face and have no original: nothing says that it was hidden."""
        return [file for file in self.without_original if file.faces]


@dataclass(frozen=True, slots=True)
class LeakView:
    """A leak as it is shown."""

    leak: Leak
    image: NDArray[np.uint8]
    """uint8 (H, W, 3): the face before and after, side by side."""
