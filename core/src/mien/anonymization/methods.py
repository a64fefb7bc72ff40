"""What draws or hides faces, when several ways stand side by side in one call; and which one it is by default."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.inference.target import FaceTarget
from mien.plugins.registry import Registry, known_distributions
from mien.tracking.tracker import KEPT, TrackedFace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Method:
    """A way in which faces become others."""

    session: Session
    target: FaceTarget | None = None
    """As whom it draws all its faces; None: each person as a synthetic one of their own."""
    consent: str = ""
    """Who agreed to being drawn, and where that is written down."""

    @property
    def draws_synthetic(self) -> bool:
        """Whether it draws people who do not exist, so that it matters which."""
        return self.target is None and not self.session.run.model.hides

    @property
    def action(self) -> str:
        """What it does to faces, as the provenance label says it; nothing of the seed."""
        if self.target is not None:
            return f"faces drawn as {self.session.name_of(self.target)} (consent: {self.consent})"
        if self.session.run.model.hides:
            return f"faces hidden by {self.session.run.record.model}"
        return "faces drawn as people who do not exist"


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods of a call. `TrackedFace.method` says which of them draws a face; the first is that of doubt."""

    methods: Sequence[Method]

    @property
    def draw_anybody(self) -> bool:
        """Whether one of them draws people; otherwise all of them hide."""
        return any(not method.session.run.model.hides for method in self.methods)

    @property
    def draw_synthetic(self) -> bool:
        """Whether one of them draws people who do not exist."""
        return any(method.draws_synthetic for method in self.methods)

    def can_draw(self, face: TrackedFace) -> bool:
        """Whether the points of a face suffice for its method, or it is kept: then nothing of it has to be hidden."""
        return face.method == KEPT or self.methods[face.method].session.generator.can_draw(face)

    def can_cast(self, face: TrackedFace) -> bool:
        """Whether a face is to be drawn, and can be, as somebody who does not exist."""
        return face.method != KEPT and self.methods[face.method].draws_synthetic and self.can_draw(face)

    def hide(self, face: TrackedFace) -> bool:
        """Whether a face is to be hidden only: then nothing is drawn that could be measured."""
        return face.method != KEPT and self.methods[face.method].session.run.model.hides

    def drawable(self, faces: Iterable[TrackedFace]) -> list[TrackedFace]:
        """Those of the faces that are to be drawn, and can be."""
        return [face for face in faces if face.method != KEPT and self.can_draw(face)]

    @contextmanager
    def redrawn(self, scenes: Iterable[Scene[T]], ahead: int) -> Iterator[Iterator[tuple[Scene[T], RgbImage]]]:
        """The scenes with their new images, in order: each method in turn draws its faces into what those before it
        have drawn. All their faces can be drawn, and have targets. See `Session.redrawn`."""
        with ExitStack() as stack:
            drawn: Iterator[tuple[Scene[T], RgbImage]] = ((scene, scene.image) for scene in scenes)
            for number, method in enumerate(self.methods):
                parts = stack.enter_context(method.session.redrawn(_parts(drawn, number), ahead))
                drawn = ((part.context, image) for part, image in parts)
            yield drawn

    def stage_seconds(self) -> dict[str, float]:
        """Seconds at work of each stage, of all methods together. See `SwapReport.stage_seconds`."""
        total: dict[str, float] = {}
        for method in self.methods:
            for stage, seconds in method.session.clock.seconds.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total


def default_method(registry: Registry) -> str:
    """The name of the model or the run to anonymize by when the choice was left open: the first of `known_methods`.

    Raises MienError if none of them is installed.
    """
    found = known_methods(registry)
    if not found:
        first = next(iter(known_distributions().get("method", {}).values()), "mien")
        raise MienError("No model that anonymizes without training is installed.", f"pip install {first}")
    return found[0]


def known_methods(registry: Registry) -> tuple[str, ...]:
    """The installed ones of the methods that the project lists in known_plugins.toml, models or runs, in its order."""
    installed = {*registry.names("model"), *(run.spec.name for run in registry.runs)}
    return tuple(name for name in known_distributions().get("method", {}) if name in installed)


def _parts(drawn: Iterable[tuple[Scene[T], RgbImage]], method: int) -> Iterator[Scene[Scene[T]]]:
    """Of each scene, as it is by now, the faces of one method; the whole scene is the context."""
    for scene, image in drawn:
        targets = scene.targets or ()
        own = [(face, target) for face, target in zip(scene.faces, targets, strict=True) if face.method == method]
        yield Scene(image, [face for face, _ in own], scene, [target for _, target in own], scene.frame)
