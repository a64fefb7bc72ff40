"""Which of the faces are to be drawn anew: all, or those of one person."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from mien.contracts.extractor import Extractor
from mien.contracts.face import RgbImage
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


class PersonFilter:
    """Picks the faces of the person whom an image shows.

    Raises MienError if the image is unreadable or shows no face, or several.
    """

    def __init__(self, person: Path, extractor: Extractor | ExtractorSet, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._reference = self._recognizer.reference(person, extractor)

    def of_image(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[TrackedFace]:
        """The person's faces in an image. A face without landmarks cannot be recognized, and is none of them."""
        measured = [face for face in faces if face.landmarks is not None]
        near = [distance < self._recognizer.same_person_below for distance in self._distances(image, measured)]
        return [face for face, is_person in zip(measured, near, strict=True) if is_person]

    def of_video(self, frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """The person's faces in each frame. Who a track is, is decided again every few frames, not in each.

        So a face that turns away stays who it is, also where its landmarks are not known. Each frame comes out once
        `FIRST_COMPARISONS` − 1 more have come in.
        """
        detections: defaultdict[int, int] = defaultdict(int)
        distances: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=DISTANCES_KEPT))
        waiting: deque[tuple[Frame, list[TrackedFace]]] = deque()

        def chosen() -> tuple[Frame, list[TrackedFace]]:
            frame, faces = waiting.popleft()
            limit = self._recognizer.same_person_below
            return frame, [face for face in faces if distances[face.track] and median(distances[face.track]) < limit]

        for frame, faces in frames:
            compared: list[TrackedFace] = []
            for face in (face for face in faces if face.landmarks is not None and not face.interpolated):
                number = detections[face.track]
                if number < FIRST_COMPARISONS or number % FRAMES_PER_COMPARISON == 0:
                    compared.append(face)
                detections[face.track] += 1
            for face, distance in zip(compared, self._distances(frame.image, compared), strict=True):
                distances[face.track].append(distance)
            waiting.append((frame, faces))
            if len(waiting) == FIRST_COMPARISONS:
                yield chosen()
        while waiting:
            yield chosen()

    def _distances(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[float]:
        if not faces:
            return []
        encodings = self._recognizer.encode(
            [align(image, face.landmarks) for face in faces if face.landmarks is not None]
        )
        return [float(distance) for distance in self._recognizer.distances(encodings, self._reference)]
