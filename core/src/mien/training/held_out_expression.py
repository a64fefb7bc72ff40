"""Whether drawn faces do what held-out faces do: eye opening and blinks, seen while they are being lost.

A face that is drawn as who it is, or as somebody else of the run, is set into its crop and measured there, as the crop
itself is: by the feature that judges expressions, if one is installed, else by the landmarks that the dataset's
extractor finds. What is drawn and how it is measured depends on nothing but the weights, and changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from mien.contracts.face import FaceCrop, Landmarks, RgbImage
from mien.contracts.model import Batch, Generated, Model, to_uint8_images
from mien.contracts.target import Known
from mien.errors import MienError
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.evaluation.observation import face_at
from mien.geometry.blendshapes import lid_closure
from mien.geometry.expression import expression, pearson
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.guard import guarded_generate
from mien.plugins.registry import Registry
from mien.progress import Progress
from mien.spread import spread
from mien.training.batch import CropArrays, resampled
from mien.training.data import BatchRows, TrainingData

_AROUND = 0.4
"""What is added around a crop, of its side: the last row and column, repeated. Features may look beyond a crop."""

Lids = NDArray[np.float64]
"""float64 (N,): how far they are closed, from about 0 to about 1; NaN for a face that was not found again."""
_Measure = Callable[[Sequence[FaceCrop]], Lids]


@dataclass(frozen=True, slots=True)
class _Originals:
    rows: BatchRows
    crops: CropArrays
    measure: _Measure
    lids: Lids


class HeldOutExpression:
    """Measures lids of held-out faces, drawn by a model that knows their people. Nothing is loaded before it is asked.

    faces: how many at most; half of them are those with the most closed lids of each person. progress: what is told,
    once, why nothing can be measured, if that is so.
    """

    def __init__(self, data: TrainingData, faces: int, registry: Registry, progress: Progress) -> None:
        self._data, self._faces, self._registry, self._progress = data, faces, registry, progress
        self._originals: _Originals | None = None
        self._can = True

    def figures(self, model: Model, choice: str, device: torch.device) -> dict[str, float]:
        """Correlation of the eye opening, and how far lids close of what they do in the original, by name.

        model: in evaluation mode, on that device. choice: which one it is, for an error message. Names begin with
        "own/" for faces drawn as who they are, with "swap/" for those drawn as the next person of the run. What is not
        known, as where nobody blinks, is left out; all of it, where nothing can measure. Raises MienError if the model
        fails.
        """
        original = self._measured(model)
        if original is None:
            return {}
        batch = self._data.batch(original.rows, model, model.resolution, device=device)
        people, found = len(model.inputs.people), dict[str, float]()
        for number, name in enumerate(("own", "swap")[: min(people, 2)]):
            drawn = _joined(model, choice, batch, Known((batch.people.clamp_min(0) + number) % people))
            lids = original.measure(_set_in(original.crops, drawn))
            figures = {"eye_opening_r": pearson(original.lids, lids), "blink": lid_closure(original.lids, lids)}
            found |= {f"{name}/{key}": value for key, value in figures.items() if np.isfinite(value)}
        return found

    def _measured(self, model: Model) -> _Originals | None:
        if self._originals is None and self._can:
            rows = _chosen(self._data, self._faces)
            if rows is None:
                return None
            try:
                measure = _measure_of(self._data, self._registry)
                crops = self._data.crops_of(rows, model)
                self._originals = _Originals(rows, crops, measure, measure(_set_in(crops, None)))
            except MienError as error:
                self._can = False
                self._progress.say(f"Eye opening and blinks of held-out faces are not shown. {error.message}")
        return self._originals


def _joined(model: Model, choice: str, batch: Batch, target: Known) -> Generated:
    """What a model draws of a batch, a part after the other as it wants them, with masks in any case."""
    images, masks = [], []
    for start in range(0, len(batch), model.faces_per_batch):
        rows = torch.arange(start, min(start + model.faces_per_batch, len(batch)), device=batch.people.device)
        part = batch.rows(rows)
        drawn = guarded_generate(model, choice, part, target.rows(rows))
        if not isinstance(drawn, Generated):
            drawn = Generated(drawn, resampled(part.masks, drawn.shape[-1]))
        images.append(drawn.images)
        masks.append(drawn.masks)
    return Generated(torch.cat(images), torch.cat(masks))


def _chosen(data: TrainingData, faces: int) -> BatchRows | None:
    """Of each person alike: those with the most closed lids, and others spread evenly. None if none is held out."""
    rows = BatchRows(data.held_out_rows)
    if not len(rows):
        return None
    opening = expression(data.landmarks_of(rows)).eye_opening
    people = np.array(data.names_of(rows))
    each = max(faces // len(set(people)), 2)
    chosen: list[NDArray[np.int64]] = []
    for person in sorted(set(people)):
        of_person = np.flatnonzero(people == person)
        by_lids = of_person[np.argsort(opening[of_person], kind="stable")]  # NaN, not known, comes last
        closed, others = by_lids[: each // 2], np.sort(by_lids[each // 2 :])
        chosen += [closed, spread(others, each - len(closed))]
    return BatchRows(rows.rows[np.sort(np.concatenate(chosen))])


def _measure_of(data: TrainingData, registry: Registry) -> _Measure:
    """By blendshapes, or by landmarks."""
    name = default_expression_judge(registry)
    if name is not None:
        judge = ExpressionJudge(registry, name)

        def by_blendshapes(crops: Sequence[FaceCrop]) -> Lids:
            known = [crop for crop in crops if crop.landmarks is not None]
            lids = np.full(len(crops), np.nan)
            if known:
                blink = judge.motion(judge.measure(known)).blink
                lids[[crop.landmarks is not None for crop in crops]] = blink
            return lids

        return by_blendshapes
    extractors = ExtractorSet(data.datasets[0].info.extractor, registry)

    def by_landmarks(crops: Sequence[FaceCrop]) -> Lids:
        unknown: Landmarks = np.full((68, 2), np.nan, np.float32)
        found = []
        for crop in crops:
            landmarks = None
            if crop.landmarks is not None:
                landmarks = face_at(extractors.extract(crop.image), crop.landmarks)
            found.append(unknown if landmarks is None else landmarks)
        opening = expression(np.stack(found)).eye_opening
        return 1 - opening / np.nanmax(opening) if np.isfinite(opening).any() else opening

    return by_landmarks


def _set_in(crops: CropArrays, drawn: Generated | None) -> list[FaceCrop]:
    """The crops, with drawn faces in them where their masks are; None: as they are.

    Their scenes are the crops themselves, continued at their borders.
    """
    whole = crops.images
    if drawn is not None:
        images, masks = (_at(maps.float(), whole.shape[1]).cpu() for maps in (drawn.images, drawn.masks))
        before = torch.from_numpy(whole).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        whole = to_uint8_images(torch.lerp(before, images, masks.clamp(0, 1)))
    return [_with_surroundings(image, landmarks) for image, landmarks in zip(whole, crops.landmarks, strict=True)]


def _at(maps: Tensor, side: int) -> Tensor:
    return interpolate(maps, size=(side, side), mode="bilinear", antialias=True) if maps.shape[-1] != side else maps


def _with_surroundings(image: RgbImage, landmarks: Landmarks) -> FaceCrop:
    size = len(image)
    more = round(_AROUND * size)
    scene = cv2.copyMakeBorder(image, more, more, more, more, cv2.BORDER_REPLICATE)
    return FaceCrop(
        image=image,
        mask=np.ones((size, size), np.float32),
        landmarks=landmarks if np.isfinite(landmarks).all() else None,
        to_crop=np.array([[1.0, 0.0, -more], [0.0, 1.0, -more]]),
        scene=scene.astype(np.uint8, copy=False),
    )
