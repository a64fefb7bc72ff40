"""Which faces an image holds, as one extractor finds them, or several together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from mien.contracts.extractor import Extractor
from mien.contracts.face import Face, RgbImage
from mien.plugins.guard import guarded_extract
from mien.plugins.registry import Registry
from mien.workers.threads import Pool, Stopwatch


@dataclass(frozen=True, slots=True)
class ExtractorPool:
    """One way to find faces."""

    choice: str
    """The extractor, as a plugin choice."""
    extractors: Pool[Extractor]


@dataclass(frozen=True, slots=True)
class FaceDetector:
    """Finds faces with one extractor or several, in several threads at once."""

    extractor_pools: Sequence[ExtractorPool]
    """Of each after the first, only those faces count that none before it found."""
    clock: Stopwatch

    @classmethod
    def open(cls, choices: Sequence[str], threads: int, clock: Stopwatch, registry: Registry) -> "FaceDetector":
        """Make the extractors. Raises MienError if one cannot be made."""

        def pool(choice: str) -> Pool[Extractor]:
            return Pool(lambda: cast(Extractor, registry.create("extractor", choice)), threads)

        return cls([ExtractorPool(choice, pool(choice)) for choice in choices], clock)

    def find(self, image: RgbImage) -> Sequence[Face]:
        """All faces of an image, each extractor's surest first. Raises MienError naming an extractor that fails."""
        faces: list[Face] = []
        for search in self.extractor_pools:
            with search.extractors.borrowed() as extractor, self.clock.running("extract"):
                found = guarded_extract(extractor, search.choice, image)
            known = tuple(faces)
            faces += [face for face in found if not any(_is_same(face, other) for other in known)]
        return faces


def _is_same(one: Face, other: Face) -> bool:
    """Whether one face's middle lies among the landmarks of the other: boxes are drawn wider by some extractors."""
    return _holds(one, other) or _holds(other, one)


def _holds(outer: Face, inner: Face) -> bool:
    middle = (inner.landmarks.min(0) + inner.landmarks.max(0)) / 2
    return bool((outer.landmarks.min(0) <= middle).all() and (middle <= outer.landmarks.max(0)).all())
