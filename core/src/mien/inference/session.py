"""What all files share: the run's model and plugins, made once and checked before any work is done."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

import torch

from mien.contracts.blender import Blender
from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.inference.detector import FaceDetector
from mien.inference.generator import FaceGenerator, Scene
from mien.inference.person_filter import PersonFilter
from mien.inference.target import Whom
from mien.media.provenance import Provenance
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.progress import Progress
from mien.training.run import TrainedRun
from mien.workers.threads import Pool, Stopwatch, ordered_map, prefetched

T = TypeVar("T")
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that is needed to draw new faces in files, one after the other."""

    detector: FaceDetector
    generator: FaceGenerator
    person_filter: PersonFilter | None
    """Whose faces are drawn anew; None: everybody's."""
    provenance: Provenance
    quality: int
    threads: int
    clock: Stopwatch
    progress: Progress

    @classmethod
    def open(
        cls,
        run: Path,
        whom: Whom,
        *,
        blender: str,
        extractor: str | None = None,
        person: Path | None,
        quality: int,
        threads: int | None,
        device: str | None,
        progress: Progress,
        registry: Registry,
    ) -> "Session":
        """Load the run's model and make its plugins.

        extractor: another choice than the run's own, as in `ExtractorSet`; None: that.

        Raises MienError if the run cannot be opened or cannot draw whom it is to draw, a plugin cannot be made, the
        person's image shows no face, or the device is none.
        """
        trained = TrainedRun.open(run, registry)
        whom.check(trained.model, run)
        clock = Stopwatch()
        threads = threads or os.cpu_count() or 1
        choice = trained.extractor if extractor is None else extractor
        detector = FaceDetector.open(choice, threads, clock, registry)
        generator = FaceGenerator(
            trained,
            FeatureSet(trained.features, registry),
            whom.identity,
            Pool(lambda: cast(Blender, registry.create("blender", blender)), threads),
            blender=blender,
            device=_device(device),
            clock=clock,
        )
        person_filter = None
        if person is not None:
            with detector.borrowed() as borrowed:
                person_filter = PersonFilter(person, borrowed, registry)
        return cls(
            detector=detector,
            generator=generator,
            person_filter=person_filter,
            provenance=Provenance(version("mien-core"), whom.action, trained.digest[:_DIGEST_CHARACTERS]),
            quality=quality,
            threads=threads,
            clock=clock,
            progress=progress,
        )

    def blending_with(self, blender: str, registry: Registry) -> "Session":
        """The same workshop with another blender. Raises MienError if it cannot be made."""
        blenders = Pool(lambda: cast(Blender, registry.create("blender", blender)), self.threads)
        return replace(self, generator=self.generator.blending_with(blender, blenders))

    @contextmanager
    def redrawn(self, scenes: Iterable[Scene[T]], ahead: int) -> Iterator[Iterator[tuple[Scene[T], RgbImage]]]:
        """The scenes with their new images, in order, while drawing and blending go on in threads of their own.

        ahead: so many scenes at most wait after each of the two stages.
        """
        with (
            closing(prefetched(self.generator.generate(scenes), ahead)) as generated_scene,
            closing(ordered_map(self.generator.blend, generated_scene, self.threads, ahead)) as blended,
        ):
            yield blended


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # a torch without CUDA says so by an AssertionError
        raise MienError(f"torch has no device {name!r}: {str(error).splitlines()[0]}", "--device cpu") from error
