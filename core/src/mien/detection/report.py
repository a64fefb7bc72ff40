"""Which faces were found, kept small: a face takes about 1 kB, so that hours of video fit into memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Box, Landmarks
from mien.tracking.recognizer_record import RecognizerRecord


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face of an image or a frame."""

    track: int
    """The same number in all frames of a file in which it was followed, without a cut between; from 0."""
    person: int | None
    """The same number wherever it is the same person, over all files; None: not told."""
    box: Box
    """As found, or interpolated; in pixels of the upright image."""
    score: float
    """How sure the extractor is, in [0, 1]; ½: as likely a face as not."""
    is_sure: bool
    """Whether it is surely a face, here or elsewhere in its track: what `swap` draws, and `anonymize` does not only
    hide."""
    is_interpolated: bool
    """Whether the extractor missed it, or its landmarks, in this frame, and found it before and after."""
    landmarks: Landmarks | None
    """float32 (68, 2), in pixels of the upright image; None: not known."""
    points: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """See `Face.points`."""


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """An image, or a frame of a video."""

    index: int
    """From 0, in the order in which frames are shown."""
    seconds: float
    """When it is shown, counted from the first frame."""
    faces: tuple[FoundFace, ...]
    """Surest first in an image; in a video by track."""


@dataclass(frozen=True, slots=True)
class FacesOfFile:
    """What was found in one image or video."""

    path: str
    kind: Literal["image", "video"]
    width: int = 0
    height: int = 0
    """In pixels, upright."""
    pixel_shape: float = 1.0
    """Width of a pixel over its height."""
    frames_per_second: float | None = None
    """Their average, if they vary; None for an image."""
    frames: tuple[FoundFrame, ...] = ()
    """All of them, also those without a face."""
    notes: tuple[str, ...] = ()
    """What of the file was not looked at, as sentences without an end."""
    failure: str = ""
    """Why it could not be read; then there are no frames."""


@dataclass(frozen=True, slots=True)
class FacesReport:
    """What `mien.find_faces` found."""

    files: tuple[FacesOfFile, ...]
    extractor: str
    """What found faces, as a plugin choice."""
    recognizer: RecognizerRecord | None
    """What told people apart; None: nothing did."""
    same_person_below: float | None
    """Two faces whose encodings are nearer than this are the same person."""
    seconds: float
    passed_over: tuple[Path, ...] = ()
    """Files in the folders that are neither images nor videos, and folders that are only linked to."""

    @property
    def frames(self) -> int:
        """Images and frames searched."""
        return sum(len(file.frames) for file in self.files)

    @property
    def faces(self) -> int:
        """Faces found, over all frames."""
        return sum(len(frame.faces) for file in self.files for frame in file.frames)

    @property
    def tracks(self) -> int:
        """Tracks, over all files."""
        return sum(len({face.track for frame in file.frames for face in frame.faces}) for file in self.files)

    @property
    def people(self) -> int:
        """How many people were told apart, over all files."""
        found = {face.person for file in self.files for frame in file.frames for face in frame.faces}
        return len(found - {None})

    @property
    def failures(self) -> dict[str, str]:
        """Files that could not be read, and why."""
        return {file.path: file.failure for file in self.files if file.failure}
