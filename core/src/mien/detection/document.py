"""The faces of files as JSON: what stands in the document, and how it is written and read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mien.detection.report import FacesOfFile, FacesReport, FoundFace, FoundFrame
from mien.media.files import remove_leftovers, whole_file
from mien.tracking.recognizer_record import RecognizerRecord

VERSION = 1
"""Of the document. Keys may come in without another number; whoever reads it passes over those that it does not know.
"""
_PLACES, _SCORE_PLACES = 2, 4

Point = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class FaceRecord(_Part):
    """A face. Places are in pixels of the upright image, x to the right, y down; integers are centers of pixels."""

    track: int
    """Which track of the file it belongs to, from 0: the same face, followed from frame to frame of one shot."""
    person: int | None
    """Who it is, from 0: the same number in all files of the document. null: not told."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom; it may reach over the border."""
    angle: float
    """By how many degrees the box is turned about its center, clockwise as one sees it."""
    score: float
    """How sure the extractor is, in [0, 1]; 0.5: as likely a face as not."""
    sure: bool
    """Whether it is surely a face, here or elsewhere in its track. What is not sure, `mien swap` leaves alone and
    `mien anonymize` hides."""
    interpolated: bool
    """Whether it was not found in this frame, but in those before and after."""
    landmarks: list[Point] | None
    """68 points in the order of iBUG-68: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, mouth 48–67. null: not known.
    """
    points: dict[str, list[Point]]
    """Further points that the extractor knows, by name, as five: eyes, tip of the nose and corners of the mouth. Empty
    unless they were asked for."""


class FrameRecord(_Part):
    """A frame of a video, or an image."""

    frame: int
    """From 0, in the order in which frames are shown."""
    seconds: float
    """When it is shown, counted from the first frame."""
    faces: list[FaceRecord]
    """Empty if none was found."""


class FileRecord(_Part):
    """An image or a video."""

    path: str
    """As it was named, or below the folder that was named."""
    kind: Literal["image", "video"]
    """An animated image is a video."""
    width: int
    """In pixels, upright."""
    height: int
    """In pixels, upright."""
    pixel_shape: float
    """Width of a pixel over its height; 1 for nearly all files."""
    frames_per_second: float | None
    """Their average, if they vary; null for an image."""
    notes: list[str]
    """What of the file was not looked at."""
    failure: str
    """Why it could not be read; empty if it could."""
    frames: list[FrameRecord]
    """All frames, also those without a face; none if it could not be read."""


class FacesDocument(_Part):
    """The document."""

    format: Literal["mien-faces"]
    """What the document is."""
    version: int
    """1. Keys may come in under the same number: pass over those that you do not know."""
    extractor: str
    """What found faces, as --extractor takes it."""
    recognizer: RecognizerRecord | None
    """What told people apart, with its version; null: nothing did."""
    same_person_below: float | None
    """The recognizer's limit: faces whose encodings are nearer than this are the same person."""
    people: int
    """How many people were told apart, over all files."""
    files: list[FileRecord]
    """In the order in which they were named; those of a folder by path."""

    @classmethod
    def read(cls, path: Path) -> "FacesDocument":
        """What `write_faces` has written. Raises pydantic's ValidationError for a file that is something else."""
        return cls.model_validate_json(path.read_bytes())


def write_faces(path: Path, report: FacesReport, *, points: bool = False) -> None:
    """Write a report as a `FacesDocument`, whole or not at all, a frame a line.

    path: a file; one that is there is replaced. report: what `find_faces` has found. points: whether the extractor's
    further points are written too.
    Returns nothing. Raises MienError if the disk is full or a permission is missing.
    """
    remove_leftovers(path.parent)
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.writelines(as_json(report, points=points))


def as_json(report: FacesReport, *, points: bool = False) -> Iterator[str]:
    """A report as a `FacesDocument`, in pieces of text: a frame a line, so that no more of it is in memory at once."""
    head = FacesDocument(
        format="mien-faces",
        version=VERSION,
        extractor=report.extractor,
        recognizer=report.recognizer,
        same_person_below=report.same_person_below,
        people=report.people,
        files=[],
    )
    yield head.model_dump_json().removesuffix("]}")
    for number, file in enumerate(report.files):
        yield ",\n" if number else "\n"
        yield _file(file).model_dump_json().removesuffix("]}")
        for at, frame in enumerate(file.frames):
            yield ",\n" if at else "\n"
            yield _frame(frame, points=points).model_dump_json()
        yield "\n]}" if file.frames else "]}"
    yield "\n]}\n"


def _file(file: FacesOfFile) -> FileRecord:
    return FileRecord(
        path=file.path,
        kind=file.kind,
        width=file.width,
        height=file.height,
        pixel_shape=file.pixel_shape,
        frames_per_second=file.frames_per_second,
        notes=list(file.notes),
        failure=file.failure,
        frames=[],
    )


def _frame(frame: FoundFrame, *, points: bool) -> FrameRecord:
    faces = [_face(face, face.points if points else {}) for face in frame.faces]
    return FrameRecord(frame=frame.index, seconds=round(frame.seconds, 6), faces=faces)


def _face(face: FoundFace, points: Mapping[str, NDArray[np.float32]]) -> FaceRecord:
    box = face.box
    left, top, right, bottom = (round(edge, _PLACES) for edge in (box.left, box.top, box.right, box.bottom))
    return FaceRecord(
        track=face.track,
        person=face.person,
        box=(left, top, right, bottom),
        angle=round(box.angle_degrees, _PLACES),
        score=round(face.score, _SCORE_PLACES),
        sure=face.is_sure,
        interpolated=face.is_interpolated,
        landmarks=None if face.landmarks is None else _rounded(face.landmarks),
        points={name: _rounded(its) for name, its in points.items()},
    )


def _rounded(points: NDArray[np.float32]) -> list[Point]:
    return [(round(x, _PLACES), round(y, _PLACES)) for x, y in points.tolist()]
