"""As whom somebody new is drawn: of a few synthetic people who are surely somebody else, the one who suits their head.

A synthetic person may happen to resemble whoever is filmed, the more so since they take on the same pose, light and
shape of the head. So each is tried on a few faces, and another one is taken if the recognizer finds them too near. What
is asked for is more than the recognizer's limit: other recognizers, which took no part, then tell the two apart, too.
"""

import hashlib
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import encode
from mien.anonymization.methods import Methods
from mien.anonymization.suitability import misfits
from mien.contracts.face import Landmarks, RgbImage
from mien.evaluation.expression_judge import ExpressionJudge
from mien.inference.scene import Scene
from mien.inference.target import SyntheticPerson
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

SUITED, SUITED_ON = 6, 2
"""So many of them are tried in the order of how well they suit the head, as seen on so many faces."""
CANDIDATES = 16
"""So many synthetic people are tried."""
ENOUGH = 1.2
"""Distance that is far enough, as a multiple of the recognizer's limit."""
STILL_ENOUGH = 1.1
"""The same for a person as whom somebody is drawn in other files already; and if nobody is far enough, for who suits
the head best. If nobody is so far either, the farthest is taken."""
_AHEAD = 2
"""So many drawn scenes wait for the one that is looked at: a large image's take memory."""
FACES_TRIED = 5
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
    expressions: ExpressionJudge | None = None
    """What measures expressions; None: nothing does, and who suits a head is told by light and dark alone."""

    def choose(self, number: int, seen: Sequence[Seen], *, is_used: bool = False, without: Collection[int] = ()) -> int:
        """The number of the synthetic person for whoever was seen: one of a few that follow from that number.

        seen: some of their faces; those that cannot be drawn or encoded are passed over. is_used: whether they are
        drawn as that person in other files: then they stay so, unless that person is too near to them here. without:
        who it must not be, as long as anybody can be tried. The same number and faces give the same. Raises MienError
        if a plugin fails.
        """
        recognizer = self.recognizer
        tried = [one for one in seen if one.face.landmarks is not None and self.methods.can_cast(one.face)]
        if recognizer is None or not tried:
            return number
        originals = [encode(recognizer, one.image, [one.face])[0] for one in tried]
        enough, still_enough = (times * recognizer.same_person_below for times in (ENOUGH, STILL_ENOUGH))
        farthest, chosen = -1.0, number
        suited: int | None = None
        for candidate in self._in_order(number, tried, is_used=is_used):
            if candidate in without:
                continue
            nearest = self._nearest(candidate, tried, originals, recognizer, farthest)
            if nearest >= enough or (is_used and candidate == number and nearest >= still_enough):
                return candidate
            if suited is None and nearest >= still_enough:
                suited = candidate
            if nearest > farthest:
                farthest, chosen = nearest, candidate
        return chosen if suited is None else suited

    def _in_order(self, number: int, tried: Sequence[Seen], *, is_used: bool) -> Iterator[int]:
        """The candidates as they are tried, each once; whoever was drawn before first."""
        if is_used:
            yield number
        yield from (other for other in self._by_suitability(number, tried) if not is_used or other != number)

    def _by_suitability(self, number: int, tried: Sequence[Seen]) -> list[int]:
        """The candidates; the first ones in the order of how well they suit the head."""
        order = list(candidates(number))
        on = [one for one in tried if not self.methods.hide(one.face)][:: -(-len(tried) // SUITED_ON)]
        if not on or len(order) == 1:
            return order
        first, others = order[:SUITED], order[SUITED:]
        ill_suited = np.mean([self._misfits(first, one) for one in on], axis=0)
        return [first[at] for at in ill_suited.argsort(kind="stable")] + others

    def _misfits(self, numbers: Sequence[int], one: Seen) -> list[float]:
        """Of each of these people how ill they suit a head."""
        session, landmarks = self.methods.methods[one.face.method].session, cast(Landmarks, one.face.landmarks)
        scenes = [Scene(one.image, [one.face], None, [SyntheticPerson(number)]) for number in numbers]
        with session.redrawn(scenes, _AHEAD) as redrawn:
            return misfits(one.image, (image for _, image in redrawn), landmarks, self.expressions)

    def _nearest(
        self,
        number: int,
        tried: Sequence[Seen],
        originals: Sequence[NDArray[np.float32]],
        recognizer: Recognizer,
        least: float,
    ) -> float:
        """How near a synthetic person comes; as soon as it is nearer than `least`, it no longer matters how near."""
        nearest = float("inf")
        with closing(self._drawn(number, tried)) as drawn:
            for (image, face), original in zip(drawn, originals, strict=True):
                encoding = encode(recognizer, image, [face])
                nearest = min(nearest, float(recognizer.distances(encoding, original)[0]))
                if nearest <= least:
                    break
        return nearest

    def _drawn(self, number: int, seen: Sequence[Seen]) -> Generator[tuple[RgbImage, TrackedFace], None, None]:
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
