"""Extractors that need others beside them: boxes alone, half of an image, landmarks alone; and faulty ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from mien import Box, Extractor, Face, Registry
from mien.contracts.face import RgbImage
from mien.contracts.hooks import PluginSpec, hookimpl
from mien.contracts.plugin import PluginConfig

ALL_FACES = "face_recognition:search=full,upsample=0"


class _Borrowing(Extractor):
    """Sees by an extractor that is installed."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.eyes = cast(Extractor, Registry().create("extractor", ALL_FACES))

    def seen(self, image: RgbImage) -> list[Face]:
        """All faces, with landmarks."""
        return self.eyes.extract(image)


class Boxes(_Borrowing):
    """The boxes of faces, around the whole head, and nothing of their landmarks."""

    def extract(self, image: RgbImage) -> list[Face]:
        """All faces."""
        return [replace(face, box=_wider(face.box), landmarks=None, score=0.9) for face in self.seen(image)]


class Left(_Borrowing):
    """The faces of the left half of an image."""

    def extract(self, image: RgbImage) -> list[Face]:
        """With landmarks."""
        return [face for face in self.seen(image) if face.box.right < image.shape[1] / 2]


class Squares(_Borrowing):
    """The faces of square images."""

    def extract(self, image: RgbImage) -> list[Face]:
        """With landmarks."""
        return self.seen(image) if image.shape[0] == image.shape[1] else []


class MeasureOnly(_Borrowing):
    """Landmarks where others found a face."""

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """Of each face, those of the one that is found in the close-up."""
        return self.eyes.measure(image, faces)


class ShortMeasure(MeasureOnly):
    """Forgets all faces."""

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """Nothing."""
        return []


class Faulty(Extractor):
    """What no extractor should return."""

    def extract(self, image: RgbImage) -> list[Face]:
        """A face with a score of 7."""
        return [Face(Box(0, 0, 9, 9), None, 7.0)]


class Nothing(Extractor):
    """Neither finds nor measures."""


def _wider(box: Box) -> Box:
    more = 0.3 * (box.right - box.left)
    return Box(box.left - more, box.top - more, box.right + more, box.bottom + more)


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """Each by its name."""
    return [
        PluginSpec(name, f"{__name__}:{target}", "for tests", contract=2)
        for name, target in {
            "boxes": "Boxes",
            "left": "Left",
            "squares": "Squares",
            "measure_only": "MeasureOnly",
            "short_measure": "ShortMeasure",
            "faulty": "Faulty",
            "nothing": "Nothing",
        }.items()
    ]
