"""From faces where they were found to scenes with other faces in their place."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.blender import Blender
from mien.contracts.face import Affine, FaceCrop, RgbImage
from mien.contracts.model import Batch, to_uint8_images
from mien.errors import MienError
from mien.geometry.alignment import cut, similarity_to_crop
from mien.plugins.feature_set import FeatureSet
from mien.tracking.tracker import TrackedFace
from mien.training.run import TrainedRun
from mien.workers.threads import Pool, Stopwatch

T = TypeVar("T")

FACES_PER_BATCH = 8
"""Faces are drawn when so many wait, or the faces of so many images,"""
PIXELS_WAITING = 2**25
"""or when the images that wait have so many pixels."""


@dataclass(frozen=True, slots=True)
class Scene(Generic[T]):
    """An image and the faces in it that are to be drawn anew."""

    image: RgbImage
    faces: Sequence[TrackedFace]
    context: T
    """What the scene is to its owner: it comes back with the result."""
    strangers: Sequence[int] | None = None
    """The number of the stranger as whom each face is to be drawn, as in `Batch.strangers`; None: it does not matter.
    """


@dataclass(frozen=True, slots=True)
class GeneratedScene(Generic[T]):
    """A scene with new faces that are not yet set into it."""

    scene: Scene[T]
    crops: list[FaceCrop]
    """The faces as they were, at the size that the model draws."""
    generated: NDArray[np.uint8]
    """uint8 (N, S, S, 3), RGB, in the space of the crops."""


class FaceGenerator:
    """Draws faces with a run's model.

    identity: what the model is asked for, as `Model.generate` takes it.
    """

    def __init__(
        self,
        run: TrainedRun,
        features: FeatureSet,
        identity: str | None,
        blenders: Pool[Blender],
        *,
        blender: str,
        device: torch.device,
        clock: Stopwatch,
    ) -> None:
        self._model = run.model.to(device)
        self._name = run.record.model
        self._alignment = run.alignment
        self._features = features
        self._identity = identity
        self._blenders = blenders
        self._blender = blender
        self._device = device
        self._clock = clock

    def generate(self, scenes: Iterable[Scene[T]]) -> Iterator[GeneratedScene[T]]:
        """Draw the faces of the scenes, those of several scenes in one batch.

        Which scenes share a batch depends on nothing but their order, so that a run repeats itself.
        Raises MienError if the model or a feature fails.
        """
        waiting: list[tuple[Scene[T], list[FaceCrop]]] = []
        faces = pixels = 0
        for scene in scenes:
            with self._clock.running("draw"):
                waiting.append((scene, [self._cut(scene.image, face) for face in scene.faces]))
            faces += len(scene.faces)
            pixels += scene.image.size // 3
            if max(faces, len(waiting)) >= FACES_PER_BATCH or pixels >= PIXELS_WAITING:
                yield from self._drawn(waiting)
                waiting, faces, pixels = [], 0, 0
        yield from self._drawn(waiting)

    def blend(self, generated: GeneratedScene[T]) -> tuple[Scene[T], RgbImage]:
        """Set the drawn faces into their scene: the scene and the new image, uint8 (H, W, 3).

        May be called by several threads. Raises MienError if the blender fails.
        """
        image = generated.scene.image
        with self._blenders.borrowed() as blender, self._clock.running("blend"):
            for crop, face in zip(generated.crops, generated.generated, strict=True):
                image = blended_by(blender, self._blender, image, face, crop)
        return generated.scene, image

    def blending_with(self, blender: str, blenders: Pool[Blender]) -> "FaceGenerator":
        """The same painter, with another blender."""
        other = copy(self)
        other._blender, other._blenders = blender, blenders
        return other

    def can_draw(self, face: TrackedFace) -> bool:
        """Whether the points of a face suffice to cut it out as the model needs it."""
        return face.landmarks is not None and face.steady is not None

    def _cut(self, image: RgbImage, face: TrackedFace) -> FaceCrop:
        if face.landmarks is None or face.steady is None:
            raise ValueError("a face without landmarks cannot be drawn: ask can_draw first")
        return cut(image, face.landmarks, similarity_to_crop(face.steady, self._alignment), self._alignment)

    def _drawn(self, waiting: list[tuple[Scene[T], list[FaceCrop]]]) -> list[GeneratedScene[T]]:
        with self._clock.running("draw"):
            crops = [crop for _, of_scene in waiting for crop in of_scene]
            small = [resized(crop, self._model.size) for crop in crops]
            numbers = [number for scene, of_scene in waiting for number in scene.strangers or [0] * len(of_scene)]
            generated = self._generated(crops, small, numbers)
        results: list[GeneratedScene[T]] = []
        start = 0
        for scene, of_scene in waiting:
            end = start + len(of_scene)
            results.append(GeneratedScene(scene, small[start:end], generated[start:end]))
            start = end
        return results

    def _generated(self, crops: list[FaceCrop], small: list[FaceCrop], strangers: list[int]) -> NDArray[np.uint8]:
        size = self._model.size
        if not crops:
            return np.zeros((0, size, size, 3), np.uint8)
        images = torch.from_numpy(np.stack([crop.image for crop in small])).permute(0, 3, 1, 2)
        batch = Batch(
            images=images.float().div_(127.5).sub_(1),
            masks=torch.from_numpy(np.stack([crop.mask for crop in small]))[:, None],
            features=torch.from_numpy(self._features.vector(crops)),
            identities=torch.full((len(crops),), -1),
            strangers=torch.tensor(strangers) if self._identity is None else None,
        )
        with failures_told("model", self._name), torch.inference_mode():
            generated = self._model.generate(batch.to(self._device, torch.channels_last), self._identity).float().cpu()
        if generated.shape != (len(crops), 3, size, size) or not bool(torch.isfinite(generated).all()):
            raise MienError(
                f"The model {self._name!r} generated {tuple(generated.shape)} where ({len(crops)}, 3, {size}, {size}) "
                "was due, or values that are not finite.",
                "Swap with an earlier checkpoint's weights, or train again.",
            )
        return to_uint8_images(generated)


def blended_by(blender: Blender, choice: str, image: RgbImage, face: RgbImage, crop: FaceCrop) -> RgbImage:
    """Set a drawn face into a scene: uint8 (H, W, 3). Raises MienError naming the choice if the blender fails."""
    with failures_told("blender", choice):
        blended = blender.blend(image, face, crop.mask, crop.to_crop)
    if not (isinstance(blended, np.ndarray) and blended.dtype == np.uint8 and blended.shape == image.shape):
        raise MienError(
            f"The blender {choice!r} did not return an image of {image.shape}, uint8.",
            "Report it to its makers, or choose another --blender.",
        )
    return blended


def resized(crop: FaceCrop, size: int) -> FaceCrop:
    """The same crop with another side; its transform follows, so that nothing is resampled on the way back.

    With pixel centres at integers, p′ = (p + ½)·k − ½ for the scale k.
    """
    if size == crop.size:
        return crop
    scale = size / crop.size
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    to_crop: Affine = crop.to_crop * scale
    to_crop[:, 2] += (scale - 1) / 2
    return replace(
        crop,
        image=cv2.resize(crop.image, (size, size), interpolation=how).astype(np.uint8, copy=False),
        mask=cv2.resize(crop.mask, (size, size), interpolation=how).astype(np.float32, copy=False),
        landmarks=((crop.landmarks + 0.5) * scale - 0.5).astype(np.float32),
        to_crop=to_crop,
    )


@contextmanager
def failures_told(kind: str, choice: str) -> Iterator[None]:
    """A stranger's plugin may raise anything; what it was has to be said, with its name."""
    try:
        yield
    except MienError:
        raise
    except Exception as error:
        raise MienError(
            f"The {kind} {choice!r} failed: {type(error).__name__}: {error}",
            f"mien plugins show {choice.partition(':')[0]}",
        ) from error
