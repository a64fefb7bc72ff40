"""Which of the faces are to be drawn anew: all, or those of one person."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from mien.contracts.extractor import Extractor
from mien.contracts.face import RgbImage
from mien.geometry.alignment import align
from mien.media.video_reader import Frame
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

FIRST_LOOKS = 3
"""A face that appears is compared with the person in so many frames, the first of them,"""
FRAMES_PER_LOOK = 10
"""and then in every so many-th."""
LOOKS_REMEMBERED = 5
"""The median of so many distances decides."""


class PersonFilter:
    """Picks the faces of the person whom an image shows.

    Raises MienError if the image is unreadable or shows no face, or several.
    """

    def __init__(self, person: Path, extractor: Extractor, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._reference = self._recognizer.reference(person, extractor)

    def of_image(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[TrackedFace]:
        """The person's faces in an image."""
        near = [distance < self._recognizer.same_person_below for distance in self._distances(image, faces)]
        return [face for face, is_person in zip(faces, near, strict=True) if is_person]

    def of_video(self, frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """The person's faces in each frame; who a track is, is decided once and again over the frames, not by each.

        So a face that turns away stays who it is. Each frame comes out once `FIRST_LOOKS` − 1 more have come in.
        """
        sightings: defaultdict[int, int] = defaultdict(int)
        distances: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=LOOKS_REMEMBERED))
        waiting: deque[tuple[Frame, list[TrackedFace]]] = deque()

        def chosen() -> tuple[Frame, list[TrackedFace]]:
            frame, faces = waiting.popleft()
            limit = self._recognizer.same_person_below
            return frame, [face for face in faces if distances[face.track] and median(distances[face.track]) < limit]

        for frame, faces in frames:
            looked_at: list[TrackedFace] = []
            for face in (face for face in faces if not face.interpolated):
                number = sightings[face.track]
                if number < FIRST_LOOKS or number % FRAMES_PER_LOOK == 0:
                    looked_at.append(face)
                sightings[face.track] += 1
            for face, distance in zip(looked_at, self._distances(frame.image, looked_at), strict=True):
                distances[face.track].append(distance)
            waiting.append((frame, faces))
            if len(waiting) == FIRST_LOOKS:
                yield chosen()
        while waiting:
            yield chosen()

    def _distances(self, image: RgbImage, faces: Sequence[TrackedFace]) -> list[float]:
        if not faces:
            return []
        encodings = self._recognizer.encode([align(image, face.landmarks) for face in faces])
        return [float(distance) for distance in self._recognizer.distances(encodings, self._reference)]
