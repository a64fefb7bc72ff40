"""Which faces an image holds, found in several threads at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mien.contracts.face import Face, RgbImage
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.workers.threads import Pool, Stopwatch


@dataclass(frozen=True, slots=True)
class FaceDetector:
    """Finds faces with one extractor, or with several joined by `+`; may be used by several threads."""

    choice: str
    """The extractors, as in `ExtractorSet`."""
    extractor_sets: Pool[ExtractorSet]
    clock: Stopwatch

    @classmethod
    def open(cls, choice: str, threads: int, clock: Stopwatch, registry: Registry) -> "FaceDetector":
        """Make the extractors. Raises MienError as `ExtractorSet`."""
        return cls(choice, Pool(lambda: ExtractorSet(choice, registry), threads), clock)

    def find(self, image: RgbImage) -> Sequence[Face]:
        """All faces of an image, surest first. Raises MienError naming an extractor that fails."""
        with self.borrowed() as extractors, self.clock.running("extract"):
            return extractors.extract(image)

    def locate(self, image: RgbImage) -> Sequence[Face]:
        """The same, some of them without landmarks: see `Extractor.locate`."""
        with self.borrowed() as extractors, self.clock.running("extract"):
            return extractors.locate(image)

    @contextmanager
    def borrowed(self) -> Iterator[ExtractorSet]:
        """The extractors for one thread; waits until they are free."""
        with self.extractor_sets.borrowed() as extractors:
            yield extractors
