"""Setting drawn faces into a scene, and looking at what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from mien.contracts.blender import Blender
from mien.contracts.face import FaceCrop, Landmarks, Mask, RgbImage
from mien.evaluation.expression_judge import ExpressionJudge
from mien.evaluation.observation import FaceLocator, Observation
from mien.geometry.affine import inverse, transform_points
from mien.inference.scene import generated_face
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.guard import guarded_blend
from mien.plugins.registry import Registry
from mien.tracking.recognizer import Recognizer

VIEW_PX = 128
_MARGIN = 0.35
"""What is shown around a face, on each side, of the face's size."""
_BEYOND = 90


@dataclass(frozen=True, slots=True)
class Plugins:
    """What everything is evaluated with."""

    blender: str
    extractor: str
    finds_originals: bool
    """Whether the originals are found anew by the extractor too; otherwise their landmarks are those of the dataset,
    which then has to be made with the same extractor."""
    recognizer: str | None = None
    """None: the default one."""
    judges: tuple[str, ...] = ()
    """Further recognizers."""
    expressions: str | None = None
    """The judge of expressions; None: there is none."""


@dataclass(frozen=True, slots=True)
class ObservationTask:
    """A face with its scene, and what was drawn of it."""

    number: int
    """Which of the chosen rows it is."""
    crop: FaceCrop
    images: Sequence[RgbImage]
    """uint8 (S, S, 3) each, in the space of the crop."""
    masks: Sequence[Mask | None]
    """float32 (S, S), of an image that has one of its own."""

    def __str__(self) -> str:
        return f"face {self.number} of those that are evaluated"


@dataclass(frozen=True, slots=True)
class SceneObservation:
    """What was seen of it."""

    original: Observation
    drawn: list[Observation]
    """One for each image."""
    original_view: RgbImage
    views: list[RgbImage]
    """What is around the face in its scene and, for each image, in the result: as `around` cuts it out."""


class FaceObserver:
    """Sets faces in and looks at them; used by one thread. Raises MienError if a plugin is missing."""

    def __init__(self, registry: Registry, plugins: Plugins) -> None:
        self._plugins = plugins
        self._blender = cast(Blender, registry.create("blender", plugins.blender))
        recognizer = Recognizer(registry, plugins.recognizer)
        judges = [Recognizer(registry, judge) for judge in plugins.judges]
        expressions = ExpressionJudge(registry, plugins.expressions) if plugins.expressions else None
        self._viewer = FaceLocator(ExtractorSet(plugins.extractor, registry), recognizer, judges, expressions)

    def look(self, task: ObservationTask) -> SceneObservation:
        """Raises MienError if a plugin fails."""
        crop = task.crop
        place, scene = in_scene(crop), scene_of(crop)
        if self._plugins.finds_originals:
            original = self._viewer.look(scene, place)
        else:
            original = self._viewer.recognize(crop, place)
        drawn: list[Observation] = []
        views: list[RgbImage] = []
        for image, mask in zip(task.images, task.masks, strict=True):
            face = generated_face(crop, image, mask)
            result = guarded_blend(self._blender, self._plugins.blender, scene, face.image, face.mask, face.to_crop)
            drawn.append(self._viewer.look(result, place))
            views.append(around(result, place))
        return SceneObservation(original, drawn, around(scene, place), views)


def in_scene(crop: FaceCrop) -> Landmarks:
    """A crop's landmarks in the pixels of its scene: float32 (68, 2)."""
    if crop.landmarks is None:
        raise ValueError("the crop has no landmarks")
    return transform_points(inverse(crop.to_crop), crop.landmarks)


def scene_of(crop: FaceCrop) -> RgbImage:
    """The scene of a crop that holds it."""
    if crop.scene is None:
        raise ValueError("the crop has no scene")
    return crop.scene


def around(scene: RgbImage, place: Landmarks) -> RgbImage:
    """A face with its surroundings: uint8 (128, 128, 3), gray where the scene ends."""
    low, high = place.min(0), place.max(0)
    half = float((high - low).max()) * (0.5 + _MARGIN)
    left, top = np.floor((low + high) / 2 - half).astype(int)
    side = max(1, round(2 * half))
    inside = scene[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    view = np.full((side, side, 3), _BEYOND, np.uint8)
    down, right = max(0, -top), max(0, -left)
    view[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
    how = cv2.INTER_AREA if side > VIEW_PX else cv2.INTER_CUBIC
    cell: RgbImage = cv2.resize(view, (VIEW_PX, VIEW_PX), interpolation=how).astype(np.uint8, copy=False)
    return cell
