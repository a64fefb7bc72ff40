"""What one extractor finds, or several together: `centerface+blazeface`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from mien.contracts.extractor import Extractor
from mien.contracts.face import Face, RgbImage
from mien.contracts.given_image import require_image
from mien.errors import MienError
from mien.geometry.boxes import is_same_face
from mien.plugins.choice import choice_text, parse_choices
from mien.plugins.guard import guarded_extract, guarded_extract_all, guarded_locate, guarded_measure
from mien.plugins.registry import InstalledPlugin, Registry


class ExtractorSet:
    """Extractors joined by `+`: each adds the faces that none before it found.

    A face without landmarks is measured by the first that can. The score of a face that several find is the highest. An
    instance is used by one thread at a time.
    Raises MienError for an unknown extractor or setting, one that cannot be made, one that stands there twice, and for
    a set in which none finds faces.
    """

    def __init__(self, text: str, registry: Registry) -> None:
        self.extractors: dict[str, Extractor] = {}
        """What the user would type for exactly this extractor, all settings spelled out → the extractor."""
        self.plugins: dict[str, InstalledPlugin] = {}
        """The same → the distribution and version that it comes from."""
        for choice in parse_choices(text):
            extractor = cast(Extractor, registry.create("extractor", choice))
            spelled_out = choice_text(choice.name, extractor.config)
            if spelled_out in self.extractors:
                raise MienError(f"{text!r} names the extractor {spelled_out!r} twice.", "Name it once.")
            self.extractors[spelled_out] = extractor
            self.plugins[spelled_out] = registry.find("extractor", choice.name)
        if not any(extractor.can_find() for extractor in self.extractors.values()):
            raise _finds_nothing(text, registry)

    @property
    def text(self) -> str:
        """The set as the user would type it, all settings spelled out."""
        return "+".join(self.extractors)

    @property
    def distribution(self) -> str:
        """The distributions, joined in the same way."""
        return "+".join(plugin.distribution for plugin in self.plugins.values())

    @property
    def version(self) -> str:
        """Their versions, joined in the same way."""
        return "+".join(plugin.version for plugin in self.plugins.values())

    def extract(self, image: RgbImage) -> list[Face]:
        """All faces of an image, each once, surest first. See `Extractor.extract`.

        image: uint8 (H, W, 3), RGB. Raises MienError if it is none, and for a fault of a plugin, as
        `mien.plugins.guard` does.
        """
        return self.extract_all([image])[0]

    def extract_all(self, images: Sequence[RgbImage]) -> list[list[Face]]:
        """The same of several images at once: a list for each, in their order. See `Extractor.extract_all`.

        Raises MienError as `extract`, for a fault in any of them.
        """
        images = [require_image(image) for image in images]
        found = {
            choice: guarded_extract_all(extractor, choice, images)
            for choice, extractor in self.extractors.items()
            if extractor.can_find()
        }
        return [
            self._measured(image, {choice: faces[number] for choice, faces in found.items()})
            for number, image in enumerate(images)
        ]

    def locate(self, image: RgbImage) -> list[Face]:
        """The faces of `extract`, some without their landmarks: see `Extractor.locate`. Raises MienError likewise."""
        require_image(image)
        found = {
            choice: guarded_locate(extractor, choice, image)
            for choice, extractor in self.extractors.items()
            if extractor.can_find()
        }
        return sorted(_joined(found)[0], key=lambda face: -face.score)

    def _measured(self, image: RgbImage, found: Mapping[str, Sequence[Face]]) -> list[Face]:
        """All of them once, surest first. found: by whom → the faces."""
        faces, finders = _joined(found)
        if len(self.extractors) > 1:
            self._measure(image, faces, finders)
        return sorted(faces, key=lambda face: -face.score)

    def find_by_first(self, image: RgbImage) -> list[Face]:
        """What the first extractor that finds faces finds by itself: a look that costs less than `extract`.

        Raises MienError for a fault of the plugin.
        """
        choice, extractor = next(item for item in self.extractors.items() if item[1].can_find())
        return guarded_extract(extractor, choice, image)

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face]:
        """The same faces in the same order, those without landmarks with them where an extractor can measure them.

        A single extractor has found them itself: it is asked only if it measures otherwise than it finds. Raises
        MienError for a fault of a plugin.
        """
        measured = list(faces)
        if len(self.extractors) > 1 or next(iter(self.extractors.values())).can_measure():
            self._measure(image, measured, [""] * len(measured))
        return measured

    def _measure(self, image: RgbImage, faces: list[Face], finders: Sequence[str]) -> None:
        """Replace the faces without landmarks by the same with them, where they can be measured."""
        for choice, extractor in self.extractors.items():
            left = [number for number, face in enumerate(faces) if face.landmarks is None]
            if not extractor.can_measure():
                # What it finds without landmarks here, it would find without them again in a close-up.
                own = {number for number, finder in enumerate(finders) if finder == choice}
                left = [] if own.intersection(left) else left
            if left:
                measured = guarded_measure(extractor, choice, image, [faces[number] for number in left])
                for number, answer in zip(left, measured, strict=True):
                    if answer is not None and answer.landmarks is not None:
                        before = faces[number]
                        points = {**answer.points, **before.points}
                        faces[number] = replace(before, landmarks=answer.landmarks, points=points)


def _joined(found: Mapping[str, Sequence[Face]]) -> tuple[list[Face], list[str]]:
    """Each face once, with the highest score that it was given, and who found it. found: by whom → the faces."""
    faces: list[Face] = []
    finders: list[str] = []
    for choice, of_one in found.items():
        known = len(faces)
        for face in of_one:
            again = next((n for n in range(known) if is_same_face(face.box, faces[n].box)), None)
            if again is None:
                faces.append(face)
                finders.append(choice)
            elif face.score > faces[again].score:
                faces[again] = replace(faces[again], score=face.score)
    return faces, finders


def _finds_nothing(text: str, registry: Registry) -> MienError:
    if not text.strip():
        return MienError("No extractor is named.", f"--extractor {registry.default('extractor')}")
    finder = next(
        (name for name in registry.names("extractor") if _finds(name, registry)),
        "NAME",
    )
    return MienError(
        f"{text} finds no faces by itself; it measures those that other extractors find.",
        f"--extractor {finder}+{text}",
    )


def _finds(name: str, registry: Registry) -> bool:
    try:
        return cast(type[Extractor], registry.load("extractor", name)).can_find()
    except MienError:
        return False
