"""Which of the faces are to be drawn anew: all, or those of one person, or of several people."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.geometry.alignment import align
from mien.media.video_reader import Frame
from mien.plugins.extractor_set import ExtractorSet
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

FIRST_COMPARISONS = 3
"""A face that appears is compared with the person in this many frames, the first of them,"""
FRAMES_PER_COMPARISON = 10
"""and then in one of this many."""
DISTANCES_KEPT = 5
"""The median of the last distances, at most this many, decides."""

Distances: TypeAlias = NDArray[np.float64]
"""float64 (P,): how far a face lies from each person."""


@dataclass(slots=True)
class PeopleOfTracks:
    """What is known of the tracks of a video, up to a frame; it can be pickled."""

    detections: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Track → in how many frames it was measured."""
    distances: dict[int, deque[Distances]] = field(default_factory=dict)
    """Track → how far it was from each person, the last times that it was compared."""
    waiting: deque[tuple[Frame, list[TrackedFace]]] = field(default_factory=deque)
    """Frames that are in, and have not gone out."""


class PersonFilter:
    """Picks the faces of the people whom images show, an image each.

    Raises MienError if an image is unreadable or shows no face, or several, or two show the same person.
    """

    def __init__(self, people: Sequence[Path], extractor: Extractor | ExtractorSet, recognizer: Recognizer) -> None:
        self.people = tuple(people)
        self._recognizer = recognizer
        self._references = np.stack([recognizer.reference(person, extractor) for person in people])
        for one, other in combinations(range(len(people)), 2):
            distance = float(recognizer.distances(self._references[[one]], self._references[other])[0])
            if distance < recognizer.same_person_below:
                raise MienError(
                    f"{people[one]} and {people[other]} show the same person, as {recognizer.record.choice} sees it "
                    f"(distance {distance:.2f}; the same person below {recognizer.same_person_below:g}).",
                    "Give one image of each person: --person IMAGE, with a --to NAME for each",
                )

    def facts(self) -> tuple[object, ...]:
        """Values by which it is known whether two calls pick the same people."""
        return (self._recognizer.record, self._recognizer.same_person_below, self._references.tobytes())

    def of_image(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[TrackedFace]:
        """The people's faces in an image, each with the number of its person as `TrackedFace.method`.

        A face without landmarks cannot be recognized, and is none of them.
        """
        measured = [face for face in faces if face.landmarks is not None]
        return list(self._chosen(measured, self._distances(image, measured)))

    def of_video(self, frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """The people's faces in each frame, as `of_image`. Who a track is, is decided again every few frames.

        So a face that turns away stays who it is, also where its landmarks are not known. Each frame comes out once
        `FIRST_COMPARISONS` − 1 more have come in.
        """
        known = PeopleOfTracks()
        for frame, faces in frames:
            yield from self.add(known, frame, faces)
        yield from self.rest(known)

    def add(
        self, known: "PeopleOfTracks", frame: Frame, faces: list[TrackedFace]
    ) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """The next frame of a video comes in, and one goes out if `FIRST_COMPARISONS` − 1 came in after it.

        known: what is known of the video's tracks; this frame is added to it.
        """
        compared: list[TrackedFace] = []
        for face in (face for face in faces if face.landmarks is not None and not face.interpolated):
            number = known.detections[face.track]
            if number < FIRST_COMPARISONS or number % FRAMES_PER_COMPARISON == 0:
                compared.append(face)
            known.detections[face.track] += 1
        for face, distance in zip(compared, self._distances(frame.image, compared), strict=True):
            known.distances.setdefault(face.track, deque(maxlen=DISTANCES_KEPT)).append(distance)
        known.waiting.append((frame, faces))
        return iter([self._next_of(known)] if len(known.waiting) == FIRST_COMPARISONS else [])

    def rest(self, known: "PeopleOfTracks") -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """No frame comes any more: those that are still in go out."""
        while known.waiting:
            yield self._next_of(known)

    def _next_of(self, known: "PeopleOfTracks") -> tuple[Frame, list[TrackedFace]]:
        frame, faces = known.waiting.popleft()
        compared = [face for face in faces if face.track in known.distances]
        medians = [np.asarray(np.median(known.distances[face.track], axis=0)) for face in compared]
        return frame, list(self._chosen(compared, medians))

    def _chosen(self, faces: Sequence[TrackedFace], distances: Sequence[Distances]) -> Iterator[TrackedFace]:
        """The faces that are one of the people, the nearest of whom each is. distances: of each face to each person."""
        for face, of_people in zip(faces, distances, strict=True):
            nearest = int(of_people.argmin())
            if of_people[nearest] < self._recognizer.same_person_below:
                yield replace(face, method=nearest)

    def _distances(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[Distances]:
        if not faces:
            return []
        encodings = self._recognizer.encode(
            [align(image, face.landmarks) for face in faces if face.landmarks is not None]
        )
        return list(np.stack([self._recognizer.distances(encodings, one) for one in self._references], axis=1))
