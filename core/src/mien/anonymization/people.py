"""Who a face is, as far as people are known by reference images: surely one of them, surely none, or in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mien.contracts.extractor import Extractor
from mien.plugins.extractor_set import ExtractorSet
from mien.tracking.recognizer import Recognizer

SURE = 0.85
"""Somebody is surely a person if half of their encodings lie nearer than this share of `same_person_below`, and"""
SHARE_BELOW = 0.9
"""this share of them nearer than `same_person_below` itself."""
POSSIBLE = 1.15
"""Somebody may be a person if a quarter of their encodings lie nearer than this many times `same_person_below`."""
LEAST_AHEAD = 0.1
"""Of two people whom somebody may be, it is the nearer one only if it is nearer by this share of
`same_person_below`."""

Who: TypeAlias = int | Literal["nobody", "unsure"]
"""The number of a person, nobody of them, or not to be said."""


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """People by reference images. What is in doubt is never decided by the nearest: it is "unsure"."""

    references: Sequence[NDArray[np.float32]]
    """Of each person float32 (K, D): the encodings of their images."""
    recognizer: Recognizer

    @classmethod
    def of_images(
        cls, people: Sequence[Sequence[Path]], recognizer: Recognizer, extractor: Extractor | ExtractorSet
    ) -> "KnownPeople":
        """Encode the images of each person.

        Raises MienError naming the image if one is missing or unreadable, or shows no face, or several.
        """
        references = [np.stack([recognizer.reference(image, extractor) for image in images]) for images in people]
        return cls(references, recognizer)

    def distances(self, encodings: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far M encodings (M, D) lie from each of P people, from the nearest image of each: float64 (P, M)."""
        return np.stack(
            [
                np.min([self.recognizer.distances(encodings, one) for one in references], axis=0)
                for references in self.references
            ]
        )

    def identify(self, encodings: NDArray[np.float32]) -> Who:
        """Who somebody is, by all that is known of them: float32 (M, D), M encodings of one face or track.

        Without an encoding it cannot be said.
        """
        if not self.references:
            return "nobody"
        if not len(encodings):
            return "unsure"
        limit = self.recognizer.same_person_below
        distances = self.distances(encodings)
        possible = np.flatnonzero(np.quantile(distances, 0.25, axis=1) < POSSIBLE * limit)
        if not len(possible):
            return "nobody"
        middle = np.median(distances, axis=1)
        nearest, *others = sorted(possible.tolist(), key=lambda person: float(middle[person]))
        is_sure = middle[nearest] < SURE * limit and (distances[nearest] < limit).mean() >= SHARE_BELOW
        is_alone = all(middle[other] - middle[nearest] >= LEAST_AHEAD * limit for other in others)
        return nearest if is_sure and is_alone else "unsure"

    def agree(self, encodings: NDArray[np.float32], who: Who) -> NDArray[np.bool_]:
        """Which of M encodings (M, D), each alone, do not contradict who somebody is: bool (M,)."""
        near = self.distances(encodings) < self.recognizer.same_person_below
        if isinstance(who, int):
            return np.asarray(near[who])
        return np.asarray(~near.any(0)) if who == "nobody" else np.ones(len(encodings), bool)


def without_doubles(who: Sequence[Who]) -> list[Who]:
    """Of faces that are seen at once: where two would be the same person, neither surely is."""
    return ["unsure" if isinstance(one, int) and who.count(one) > 1 else one for one in who]
