"""From faces where they were found to scenes with other faces in their place."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.blender import Blender
from mien.contracts.face import FaceCrop, RgbImage
from mien.contracts.model import Batch, Generated
from mien.geometry.alignment import can_align, cut, points_of, similarity_to_crop
from mien.geometry.compositing import laid_over
from mien.geometry.masks import as_mask, as_uint8_mask
from mien.inference.in_front import IN_FRONT_WINDOW, steadied_in_front
from mien.inference.neighbors import with_neighbors
from mien.inference.scene import GeneratedFace, GeneratedScene, Scene, placed
from mien.inference.target import FaceTarget, as_target, facts_of_target
from mien.plugins.enhancer_set import EnhancerSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.guard import guarded_blend, guarded_generate
from mien.plugins.masker_set import MaskerSet
from mien.tracking.tracker import TrackedFace
from mien.training.batch import CropArrays, make_batch, resampled
from mien.training.run import TrainedRun
from mien.workers.threads import Pool, Stopwatch

T = TypeVar("T")

PIXELS_WAITING = 2**25
"""Faces are generated when as many wait as the model takes, or when the images that wait have so many pixels."""


@dataclass(frozen=True, slots=True)
class _Cut(Generic[T]):
    """A scene with its faces cut out, each with those of its track around it if the model has a window."""

    scene: Scene[T]
    crops: list[FaceCrop]
    around: list[list[FaceCrop]]
    asked: list[bool]
    """Of each face: whether maskers that see something but seldom are asked about it."""


class _Look(Generic[T]):
    """A scene of a video, and whether maskers that see something but seldom see it before its faces."""

    def __init__(self, cut_out: _Cut[T], sees: Callable[[FaceCrop], bool]) -> None:
        self._cut, self._sees = cut_out, sees
        self._faces = dict(zip((face.track for face in cut_out.scene.faces), cut_out.crops, strict=True))
        self._seen: dict[int, bool] = {}

    @property
    def frame(self) -> int:
        """The scene's number."""
        return self._cut.scene.frame or 0

    def answered(self, near: Sequence["_Look[T]"], step: int) -> _Cut[T]:
        """The scene, with whether they are asked about each face: if they see something before it in the frames of
        every `step` around it, or it is in neither of them."""
        around = [one for one in near if one.frame % step == 0 and abs(one.frame - self.frame) < step]
        asked = []
        for track in self._faces:
            told = [one.sees(track) for one in around if one.has(track)]
            asked.append(any(told) or not told)
        return replace(self._cut, asked=asked)

    def has(self, track: int) -> bool:
        """Whether that face is in the scene."""
        return track in self._faces

    def sees(self, track: int) -> bool:
        """Whether there is something before that face."""
        if track not in self._seen:
            self._seen[track] = self._sees(self._faces[track])
        return self._seen[track]


class FaceGenerator:
    """Draws faces with a run's model.

    maskers: what of a crop is face, as in the run's datasets. set_back: what of a drawn face is set into the scene
    instead; None: the same. Raises MienError, when
    it draws, if the model, a feature, an enhancer or the blender fails.
    """

    def __init__(
        self,
        run: TrainedRun,
        features: FeatureSet,
        blenders: Pool[Blender],
        *,
        blender: str,
        maskers: MaskerSet,
        set_back: MaskerSet | None = None,
        enhancers: EnhancerSet,
        device: torch.device,
        clock: Stopwatch,
    ) -> None:
        self._model = run.model.to(device)
        self._name = run.record.model
        self._alignment = run.alignment
        self._features = features
        self._blenders = blenders
        self._blender = blender
        self._maskers = maskers
        self._set_back = set_back
        self._enhancers = enhancers
        self._device = device
        self._clock = clock
        self._own_targets: tuple[FaceTarget, ...] = ()

    def generate(self, scenes: Iterable[Scene[T]]) -> Iterator[GeneratedScene[T]]:
        """Draw the faces of the scenes, those of several scenes in one batch.

        Which scenes share a batch depends on nothing but their order, so that a run repeats itself.
        """
        generated = self._in_batches(scenes)
        yield from steadied_in_front(generated) if self._has_thin else generated

    @property
    def window(self) -> tuple[int, int]:
        """How many frames before and after a face it looks at."""
        before, after = self._model.window
        more = IN_FRONT_WINDOW if self._has_thin else (0, 0)
        seldom = self._in_front.seldom - 1
        return before + seldom + more[0], after + seldom + more[1]

    @property
    def _has_thin(self) -> bool:
        return self._in_front.has_thin

    @property
    def _in_front(self) -> MaskerSet:
        """What says what of a drawn face is set into the scene."""
        return self._set_back or self._maskers

    def _in_batches(self, scenes: Iterable[Scene[T]]) -> Iterator[GeneratedScene[T]]:
        waiting: list[_Cut[T]] = []
        faces = pixels = 0
        for cut_out in self._asked(self._cut_out(scenes)):
            waiting.append(cut_out)
            faces += len(cut_out.crops)
            pixels += cut_out.scene.image.size // 3
            if max(faces, len(waiting)) >= self._model.faces_per_batch or pixels >= PIXELS_WAITING:
                yield from self._generated(waiting)
                waiting, faces, pixels = [], 0, 0
        yield from self._generated(waiting)

    def blend(self, generated: GeneratedScene[T]) -> tuple[Scene[T], RgbImage]:
        """Set the drawn faces into their scene: the scene and the new image, uint8 (H, W, 3).

        May be called by several threads.
        """
        image = generated.scene.image
        with self._blenders.borrowed() as blender, self._clock.running("blend"):
            for face in generated.faces:
                before = image
                image = guarded_blend(blender, self._blender, before, face.image, face.mask, face.to_crop)
                if face.in_front is not None:
                    image = laid_over(image, before, face.in_front, face.crop.to_crop)
        return generated.scene, image

    def blending_with(self, blender: str, blenders: Pool[Blender]) -> "FaceGenerator":
        """The same generator, with another blender."""
        generator = copy(self)
        generator._blender, generator._blenders = blender, blenders
        return generator

    def drawing(self, *targets: FaceTarget) -> "FaceGenerator":
        """The same generator, with other targets for scenes that name none: one for all faces, or one for each
        `TrackedFace.method`."""
        generator = copy(self)
        generator._own_targets = targets
        return generator

    @property
    def own_targets(self) -> tuple[FaceTarget, ...]:
        """Whom it draws in scenes that name no targets: see `drawing`."""
        return self._own_targets

    def facts_of_targets(self) -> tuple[object, ...]:
        """Whom it draws, as values that are equal for the same people; their `repr` says them."""
        return tuple(fact for target in self._own_targets for fact in facts_of_target(target))

    @property
    def device_type(self) -> str:
        """On what faces are drawn: "cpu", "cuda", …"""
        return self._device.type

    def can_draw(self, face: TrackedFace) -> bool:
        """Whether it is surely a face, and its points suffice to cut it out as the model's alignment needs it."""
        return face.sure and self.can_cut(face)

    def can_cut(self, face: TrackedFace) -> bool:
        """Whether a face's points suffice, however sure it is."""
        return can_align(face.held_steady(), self._alignment)

    def drawable(self, faces: Sequence[TrackedFace]) -> list[TrackedFace]:
        """Those of the faces that can be drawn."""
        return [face for face in faces if self.can_draw(face)]

    def batch_of(self, crops: Sequence[FaceCrop], around: Sequence[Sequence[FaceCrop]] = ()) -> Batch:
        """The model's batch of N crops. around: for a model with a window, those around each, itself among them."""
        near = None
        if around:
            near = self._batch([crop for of_face in around for crop in of_face])
        return self._batch(crops, near)

    def crops_of(self, scene: Scene[T]) -> list[FaceCrop]:
        """The faces of a scene, as the model wants them cut."""
        return self._crops(scene)

    def _batch(self, crops: Sequence[FaceCrop], around: Batch | None = None) -> Batch:
        return make_batch(
            self._arrays(crops, self._features.vector(crops)),
            resolution=self._model.resolution,
            masked=self._model.masked,
            device=self._device,
            around=around,
        )

    def _whole(self, crops: Sequence[FaceCrop], batch: Batch) -> Batch:
        """The model's batch as enhancers see it: whole crops at their own side, however small the model draws."""
        arrays = self._arrays(crops, batch.features.cpu().numpy())
        return make_batch(arrays, resolution=None, masked=False, device=self._device)

    def _arrays(self, crops: Sequence[FaceCrop], features: NDArray[np.float32]) -> CropArrays:
        nobody = np.full(len(crops), -1, np.int64)
        return CropArrays(
            images=np.stack([crop.image for crop in crops]),
            masks=np.stack([as_uint8_mask(crop.mask) for crop in crops]),
            landmarks=np.stack([_landmarks_of(crop) for crop in crops]),
            features=features,
            people=nobody,
            tracks=nobody,
        )

    def _cut_out(self, scenes: Iterable[Scene[T]]) -> Iterator[_Cut[T]]:
        before, after = self._model.window
        if not (before or after):
            for scene in scenes:
                yield self._plain(scene)
            return
        for is_frame, some in groupby(scenes, lambda scene: scene.frame is not None):
            reach = (before, after) if is_frame else (0, 0)
            for near, position in with_neighbors(map(self._plain, some), *reach):
                yield self._with_window(near, position, before, after)

    def _with_window(self, near: Sequence[_Cut[T]], position: int, before: int, after: int) -> _Cut[T]:
        here = near[position]
        by_track = [{face.track: crop for face, crop in zip(c.scene.faces, c.crops, strict=True)} for c in near]
        around: list[list[FaceCrop]] = []
        for face, crop in zip(here.scene.faces, here.crops, strict=True):
            reach = [crop]
            for step, frames in ((-1, before), (1, after)):
                last = crop
                for distance in range(1, frames + 1):
                    place = position + step * distance
                    last = by_track[place].get(face.track, last) if 0 <= place < len(near) else last
                    reach = [last, *reach] if step < 0 else [*reach, last]
            around.append(reach)
        return replace(here, around=around)

    def _asked(self, cuts: Iterable[_Cut[T]]) -> Iterator[_Cut[T]]:
        """The same, with what maskers are asked that see something but seldom: see `Masker.seldom`."""
        step = self._in_front.seldom
        for is_frame, some in groupby(cuts, lambda one: one.scene.frame is not None):
            if not is_frame or step == 1:
                yield from some
                continue
            looks = (_Look(one, self._sees_seldom) for one in some)
            for near, position in with_neighbors(looks, step - 1, step - 1):
                yield near[position].answered(near, step)

    def _sees_seldom(self, crop: FaceCrop) -> bool:
        with self._clock.running("generate"):
            return self._in_front.sees_seldom(crop)

    def _plain(self, scene: Scene[T]) -> _Cut[T]:
        crops = self._crops(scene)
        return _Cut(scene, crops, [], [True] * len(crops))

    def _crops(self, scene: Scene[T]) -> list[FaceCrop]:
        with self._clock.running("generate"):
            return self._maskers.masked([self._cut(scene.image, face) for face in scene.faces])

    def _cut(self, image: RgbImage, face: TrackedFace) -> FaceCrop:
        to_crop = similarity_to_crop(face.held_steady(), self._alignment)
        return cut(image, face.landmarks, to_crop, self._alignment, points_of(face.as_found()))

    def _generated(self, waiting: list[_Cut[T]]) -> list[GeneratedScene[T]]:
        crops = [crop for cut_out in waiting for crop in cut_out.crops]
        around = [of_face for cut_out in waiting for of_face in cut_out.around]
        asked = [whether for cut_out in waiting for whether in cut_out.asked]
        targets = [target for cut_out in waiting for target in self._targets_of(cut_out.scene)]
        with self._clock.running("generate"):
            faces = iter(self._faces(crops, around, asked, targets))
        return [GeneratedScene(cut_out.scene, [next(faces) for _ in cut_out.crops]) for cut_out in waiting]

    def _targets_of(self, scene: Scene[T]) -> Sequence[FaceTarget]:
        if scene.targets is not None:
            return scene.targets
        if not self._own_targets:
            raise ValueError("a scene without targets, and a generator without one")
        several = len(self._own_targets) > 1
        return [self._own_targets[face.method if several else 0] for face in scene.faces]

    def _faces(
        self, crops: list[FaceCrop], around: list[list[FaceCrop]], asked: list[bool], targets: list[FaceTarget]
    ) -> list[GeneratedFace]:
        """Draw faces, those of one kind of target at a time, and no more at once than the model takes."""
        result: dict[int, GeneratedFace] = {}
        for kind in dict.fromkeys(target.kind for target in targets):
            rows = [row for row, target in enumerate(targets) if target.kind == kind]
            for start in range(0, len(rows), self._model.faces_per_batch):
                part = rows[start : start + self._model.faces_per_batch]
                drawn = self._drawn([crops[r] for r in part], [around[r] for r in part] if around else [],
                                    [asked[r] for r in part], [targets[r] for r in part])  # fmt: skip
                result |= dict(zip(part, drawn, strict=True))
        return [result[row] for row in range(len(crops))]

    def _drawn(
        self, crops: list[FaceCrop], around: list[list[FaceCrop]], asked: list[bool], targets: list[FaceTarget]
    ) -> list[GeneratedFace]:
        batch = self.batch_of(crops, around)
        target = as_target(targets).to(self._device)
        drawn = guarded_generate(self._model, self._name, batch, target)
        set_back = self._in_front
        if isinstance(drawn, Generated):  # what stands in front of a face is no part of what the model says either
            masks = set_back.subtract(drawn.masks[:, 0].float().cpu().numpy(), crops, thin=False, asked=asked)
            generated = Generated(drawn.images, torch.from_numpy(masks)[:, None].to(self._device))
        else:
            if set_back.text_without_thin != self._maskers.text:
                crops = set_back.masked(crops, thin=False, asked=asked)
            masks_of_crops = torch.from_numpy(np.stack([crop.mask for crop in crops]))[:, None].to(self._device)
            generated = Generated(drawn, resampled(masks_of_crops, drawn.shape[-1]))
        if len(self._enhancers):
            generated = self._enhancers.enhance(generated, self._whole(crops, batch))
        faces = placed(generated, crops)
        if not set_back.has_thin:
            return faces
        in_front = set_back.in_front(crops, np.stack([face.mask for face in faces]))
        return [
            replace(face, in_front=as_mask(mask)) if mask.any() else face
            for face, mask in zip(faces, in_front, strict=True)
        ]


def _landmarks_of(crop: FaceCrop) -> NDArray[np.float32]:
    """The crop's landmarks; NaN if they are not known."""
    return np.full((68, 2), np.nan, np.float32) if crop.landmarks is None else crop.landmarks.astype(np.float32)
