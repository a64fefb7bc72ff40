"""As whom somebody new is drawn: the first of a few synthetic people who is surely somebody else.

A synthetic person may happen to resemble whoever is filmed, the more so since they take on the same pose, light and
shape of the head. So each is tried on a few faces, and another one is taken if the recognizer finds them too near. What
is asked for is more than the recognizer's limit: other recognizers, which took no part, then tell the two apart, too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mien.anonymization.analysis import encode
from mien.anonymization.methods import Methods
from mien.contracts.face import RgbImage
from mien.inference.generator import Scene
from mien.inference.target import SyntheticPerson
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

CANDIDATES = 6
"""So many synthetic people are tried; if none is far enough, the farthest is taken."""
ENOUGH = 1.15
"""Distance that is far enough, as a multiple of the recognizer's limit."""
FACES_TRIED = 3
"""On so many faces of a video each is tried."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A face as it was filmed."""

    image: RgbImage
    """uint8 (H, W, 3), RGB, the whole scene."""
    face: TrackedFace


@dataclass(frozen=True, slots=True)
class Casting:
    """Tries synthetic people on the faces that they are to replace."""

    methods: Methods
    recognizer: Recognizer | None
    """What tells people apart; None: nothing does, and nobody is tried."""

    def choose(self, number: int, seen: Sequence[Seen]) -> int:
        """The number of the synthetic person for whoever was seen: that number, or one that follows from it.

        seen: some of their faces; those that cannot be drawn or encoded are passed over. The same number and faces give
        the same. Raises MienError if a plugin fails.
        """
        recognizer = self.recognizer
        tried = [one for one in seen if self._can_try(one.face)]
        if recognizer is None or not tried:
            return number
        originals = [encode(recognizer, one.image, [one.face])[0] for one in tried]
        enough = ENOUGH * recognizer.same_person_below
        farthest, chosen = -1.0, number
        for candidate in candidates(number):
            drawn = [encode(recognizer, image, [face]) for image, face in self._drawn(candidate, tried)]
            nearest = min(
                float(recognizer.distances(encoding, original)[0])
                for encoding, original in zip(drawn, originals, strict=True)
            )
            if nearest > farthest:
                farthest, chosen = nearest, candidate
            if nearest >= enough:
                break
        return chosen

    def _can_try(self, face: TrackedFace) -> bool:
        method = self.methods.methods[face.method]
        return method.draws_synthetic and face.landmarks is not None and self.methods.can_draw(face)

    def _drawn(self, number: int, seen: Sequence[Seen]) -> Iterator[tuple[RgbImage, TrackedFace]]:
        for one in seen:
            session = self.methods.methods[one.face.method].session
            scene = Scene(one.image, [one.face], None, [SyntheticPerson(number)])
            with session.redrawn([scene], 1) as redrawn:
                for _, image in redrawn:
                    yield image, one.face


def candidates(number: int) -> Iterator[int]:
    """Numbers of synthetic people, in [0, 2⁶³): the given one, and others that follow from it."""
    yield number
    for other in range(1, CANDIDATES):
        yield int.from_bytes(hashlib.sha256(f"{number} {other}".encode()).digest()[:8]) >> 1
