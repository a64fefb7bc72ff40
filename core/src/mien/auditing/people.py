"""Who of the originals each face is, over all files."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.auditing.examiner import Encoding, ExaminedFace
from mien.contracts.face import RgbImage
from mien.geometry.boxes import is_same_face, overlap
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import MOST_COMPARED, joined_by_encodings, seen_in
from mien.tracking.shots import frame_signature, is_cut


class PeopleFinder:
    """Follows faces from image to image of a file, and joins those of one person by their original encodings."""

    def __init__(self) -> None:
        self._images: list[list[int]] = []
        self._before: list[tuple[int, ExaminedFace]] = []
        self._shown: NDArray[np.int16] | None = None
        self._count = 0
        self._encodings: defaultdict[int, list[Encoding]] = defaultdict(list)

    def next_file(self) -> None:
        """What comes next is at no place where it was before."""
        self._before, self._shown = [], None

    def add(self, faces: Sequence[ExaminedFace], image: RgbImage) -> list[int]:
        """The faces of the next image; for each, the number of its tracklet, which ends where the video is cut.

        image: of the original, uint8 (H, W, 3).
        """
        shown = frame_signature(image)
        if self._shown is not None and is_cut(self._shown, shown):
            self._before = []
        self._shown = shown
        tracklets: list[int] = []
        free = list(self._before)
        for face in faces:
            same = [one for one in free if is_same_face(one[1].box, face.box)]
            if same:
                before = max(same, key=lambda one: overlap(one[1].box, face.box))
                free.remove(before)
                tracklets.append(before[0])
            else:
                tracklets.append(self._count)
                self._count += 1
        for tracklet, face in zip(tracklets, faces, strict=True):
            if face.original_encoding is not None:
                self._encodings[tracklet].append(face.original_encoding)
        self._before = list(zip(tracklets, faces, strict=True))
        self._images.append(tracklets)
        return tracklets

    def people(self, recognizer: Recognizer) -> dict[int, int]:
        """Tracklet → person, from 0, of those that have an encoding."""
        stacked: dict[int, NDArray[np.float32]] = {
            tracklet: np.stack([values[index] for index in spread_indices(len(values), MOST_COMPARED)])
            for tracklet, values in self._encodings.items()
        }
        frames = {tracklet: shown for tracklet, shown in seen_in(self._images).items() if tracklet in stacked}
        return joined_by_encodings(frames, stacked, recognizer)
