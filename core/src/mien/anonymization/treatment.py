"""Which method each face of a file gets: by who it is, and the method of doubt where that is not certain."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import Encoding, VideoAnalysis
from mien.anonymization.people import KnownPeople, Who, without_doubles
from mien.tracking.reidentification import seen_in
from mien.tracking.tracker import TrackedFace

DOUBT = 0
"""The method for everybody of whom it is not certain who they are: it never keeps anybody."""
FRAMES_PER_ENCODING = 5
"""Where people are known by reference images, every face of a video is encoded in one of so many frames."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of whom.

    A person of a video is decided by all encodings of theirs. Where one of them contradicts, as when two people have
    passed each other and their tracks are mixed up, the faces from the encoding before it to the one after it are in
    doubt: they are not kept.
    """

    known: KnownPeople | None = None
    """None: nobody is told from anybody."""
    methods: Sequence[int] = ()
    """Of each known person, as `TrackedFace.method`."""
    default: int = DOUBT
    """Of everybody else."""

    def of_image(self, faces: Sequence[TrackedFace], encodings: Mapping[int, Encoding]) -> list[TrackedFace]:
        """The faces of an image with their methods. encodings: track → that of the face, where it is known."""
        if self.known is None:
            return [replace(face, method=self.default) for face in faces]
        who = self._in_image(faces, encodings)
        return [replace(face, method=self._method(one)) for face, one in zip(faces, who, strict=True)]

    def _in_image(self, faces: Sequence[TrackedFace], encodings: Mapping[int, Encoding]) -> list[Who]:
        if self.known is None:
            return ["nobody" for _ in faces]
        return without_doubles([self.known.identify(stacked([encodings.get(face.track)])) for face in faces])

    def found_in_image(self, faces: Sequence[TrackedFace], encodings: Mapping[int, Encoding]) -> frozenset[int]:
        """Which of the known people some face of an image surely is, by number."""
        return _people_among(self._in_image(faces, encodings))

    def found_in_video(self, analysis: VideoAnalysis) -> frozenset[int]:
        """Which of the known people somebody of a video surely is, by number."""
        return _people_among(self._people(analysis, encodings_of(analysis)).values())

    def of_video(self, analysis: VideoAnalysis) -> VideoAnalysis:
        """The analysis with the methods of all faces."""
        if self.known is None:
            if self.default == DOUBT:
                return analysis
            return analysis.with_methods([[self.default] * len(faces) for faces in analysis.faces])
        encoded = encodings_of(analysis)
        who = self._people(analysis, encoded)
        contradicted = {
            person: set(_contradicted(analysis, of_person, self.known.agree(stacked(of_person.values()), who[person])))
            for person, of_person in encoded.items()
        }
        return analysis.with_methods(
            [
                [
                    DOUBT if index in contradicted.get(face.track, ()) else self._method(who[face.track])
                    for face in faces
                ]
                for index, faces in enumerate(analysis.faces)
            ]
        )

    def _people(self, analysis: VideoAnalysis, encoded: Mapping[int, Mapping[int, Encoding]]) -> dict[int, Who]:
        """Who each person of a video is. Two who are seen at once are not both the same one."""
        frames = seen_in([[face.track for face in faces] for faces in analysis.faces])
        known = self.known
        who: dict[int, Who] = {
            person: known.identify(stacked(encoded.get(person, {}).values())) if known else "nobody"
            for person in frames
        }
        doubles = {
            person
            for person, one in who.items()
            for other, another in who.items()
            if isinstance(one, int) and person != other and one == another and frames[person] & frames[other]
        }
        return {person: "unsure" if person in doubles else one for person, one in who.items()}

    def _method(self, who: Who) -> int:
        if isinstance(who, int):
            return self.methods[who]
        return self.default if who == "nobody" else DOUBT


def encodings_of(analysis: VideoAnalysis) -> dict[int, dict[int, Encoding]]:
    """Person → frame → their encoding, frames ascending."""
    encoded: defaultdict[int, dict[int, Encoding]] = defaultdict(dict)
    for index in sorted(analysis.encodings):
        for person, encoding in analysis.encodings[index].items():
            encoded[person][index] = encoding
    return dict(encoded)


def _contradicted(analysis: VideoAnalysis, encoded: Mapping[int, Encoding], agree: NDArray[np.bool_]) -> Iterator[int]:
    """The frames next to which an encoding of the same shot contradicts, or none was made. agree: of each encoding."""
    frames, shots = list(encoded), analysis.shots
    for index, shot in enumerate(shots):
        before, after = bisect_right(frames, index) - 1, bisect_left(frames, index)
        near = {at for at in (before, after) if 0 <= at < len(frames) and shots[frames[at]] == shot}
        if not near or not all(agree[at] for at in near):
            yield index


def _people_among(who: Iterable[Who]) -> frozenset[int]:
    return frozenset(one for one in who if isinstance(one, int))


def stacked(encodings: Iterable[Encoding | None]) -> NDArray[np.float32]:
    """Those that are known, float32 (M, D)."""
    known = [one for one in encodings if one is not None]
    return np.stack(known) if known else np.zeros((0, 0), np.float32)
