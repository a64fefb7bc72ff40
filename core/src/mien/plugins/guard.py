"""Calls plugins and checks what they return, for whoever asks: the same fault gives the same error in every command.

A plugin may be a third party's: it may raise anything, return anything and write into what it was given. Each function
here makes one call of a contract and returns an answer that keeps it, or raises a MienError that names the plugin, its
distribution and the fault. A MienError of the plugin's own is passed on as it is.

choice: the plugin as a user names it, `name:key=value,…`; of a model its name will do, its settings are added.
"""

import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mien.contracts.blender import Blender
from mien.contracts.extractor import Extractor
from mien.contracts.face import Affine, Box, Face, FaceCrop, Mask, RgbImage
from mien.contracts.feature import Feature
from mien.contracts.masker import Masker
from mien.contracts.plugin import Plugin
from mien.errors import MienError
from mien.plugins.choice import changed_settings
from mien.plugins.fault_place import place_of
from mien.plugins.given import Watched, read_only

if TYPE_CHECKING:  # torch is loaded by those functions alone that are given tensors: preprocessing does without
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from mien.contracts.enhancer import Enhancer
    from mien.contracts.model import Batch, Generated, Losses, Model, Stage
    from mien.contracts.target import Given, Target

T = TypeVar("T")
_TOLERANCE = 1e-3
"""By how much images and masks of a network may leave their range: rounding errors of half precision."""
_LARGEST_PX = 1024
"""Side of the largest crops that a dataset has."""


def guarded_extract(extractor: Extractor, choice: str, image: RgbImage) -> list[Face]:
    """`Extractor.extract` of an image, uint8 (H, W, 3). Raises MienError for a fault of the plugin."""
    call = _Call.of("extractor", extractor, choice)
    return _checked_faces(call, call.make(extractor.extract, read_only(image)))


def guarded_locate(extractor: Extractor, choice: str, image: RgbImage) -> list[Face]:
    """`Extractor.locate` in an image, uint8 (H, W, 3). Raises MienError for a fault of the plugin."""
    call = _Call.of("extractor", extractor, choice)
    return _checked_faces(call, call.make(extractor.locate, read_only(image)))


def guarded_extract_all(extractor: Extractor, choice: str, images: Sequence[RgbImage]) -> list[list[Face]]:
    """`Extractor.extract_all` of N ≥ 1 images, each uint8 (H, W, 3). Raises MienError for a fault of the plugin."""
    call = _Call.of("extractor", extractor, choice)
    found = call.make(extractor.extract_all, read_only(list(images)))
    if not isinstance(found, list) or len(found) != len(images):
        raise call.fault(f"returned {_described(found)} instead of a list of {len(images)} lists of faces")
    return [_checked_faces(call, faces) for faces in found]


def guarded_measure(extractor: Extractor, choice: str, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
    """`Extractor.measure` of faces that others found. Raises MienError for a fault of the plugin."""
    call = _Call.of("extractor", extractor, choice)
    measured = call.make(extractor.measure, read_only(image), [read_only(face) for face in faces])
    if not isinstance(measured, list) or len(measured) != len(faces):
        raise call.fault(f"returned {_described(measured)} instead of a list of {len(faces)} faces or None")
    for number, face in enumerate(measured):
        if face is not None:
            _check_face(call, face, f"face {number} of {len(faces)}")
    return measured


def guarded_compute(feature: Feature, choice: str, crops: Sequence[FaceCrop]) -> NDArray[np.float32]:
    """`Feature.compute` of N faces: float32 (N, *shape), finite. Raises MienError for a fault of the plugin."""
    call = _Call.of("feature", feature, choice)
    values = call.make(feature.compute, read_only(list(crops)))
    _check_array(call, values, np.float32, (len(crops), *feature.shape))
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise call.fault(f"returned values that are not finite (face {row} of {len(crops)})")
    return values


def checked_shape(feature: Feature, choice: str) -> tuple[int, ...]:
    """`Feature.shape`: whole numbers from 1. Raises MienError for a fault of the plugin."""
    call = _Call.of("feature", feature, choice)
    shape = call.make(lambda: feature.shape)
    if not isinstance(shape, tuple | list) or not all(_is_whole(side, 1) for side in shape):
        raise call.fault(f"has the shape {shape!r}, which is no tuple of whole numbers from 1")
    return tuple(shape)


def checked_bounds(feature: Feature, choice: str) -> tuple[float, float]:
    """`Feature.bounds`: two finite numbers, the lower first. Raises MienError for a fault of the plugin."""
    call = _Call.of("feature", feature, choice)
    bounds = call.make(lambda: tuple(map(float, feature.bounds)))
    if len(bounds) != 2 or not all(map(math.isfinite, bounds)) or bounds[0] >= bounds[1]:
        raise call.fault(f"has the bounds {bounds}, which hold nothing")
    return bounds


def guarded_mask(masker: Masker, choice: str, crops: Sequence[FaceCrop]) -> NDArray[np.uint8]:
    """`Masker.mask` of N crops of one side S: uint8 (N, S, S). Raises MienError for a fault of the plugin."""
    call = _Call.of("masker", masker, choice)
    masks = call.make(masker.mask, read_only(list(crops)))
    side = crops[0].size if len(crops) else None
    if side is None and isinstance(masks, np.ndarray) and masks.ndim == 3:
        side = masks.shape[1]
    _check_array(call, masks, np.uint8, (len(crops), side, side))
    return masks


def guarded_blend(
    blender: Blender, choice: str, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine
) -> RgbImage:
    """`Blender.blend`: a new uint8 (H, W, 3). Raises MienError for a fault of the plugin."""
    call = _Call.of("blender", blender, choice)
    blended = call.make(blender.blend, *map(read_only, (scene, face, mask, to_crop)))
    _check_array(call, blended, np.uint8, scene.shape)
    # The scene itself comes back where there was nothing to do; whoever writes into the answer must not write into it.
    return blended.copy() if np.may_share_memory(blended, scene) else blended


def guarded_generate(model: "Model", choice: str, batch: "Batch", target: "Target") -> "Tensor | Generated":
    """`Model.generate` in inference mode: images, float32 (N, 3, T, T) in [-1, 1], or with masks in [0, 1] of its own.

    Raises MienError for a fault of the plugin.
    """
    import torch

    call = _Call.of("model", model, choice)
    with torch.inference_mode(), _unchanged(call, {"batch": batch, "target": target}):
        return _checked_images(call, call.make(model.generate, batch, target), len(batch))


def guarded_enhance(enhancer: "Enhancer", choice: str, images: "Tensor", batch: "Batch") -> "Tensor | Generated":
    """`Enhancer.enhance` in inference mode: as `guarded_generate`. Raises MienError for a fault of the plugin."""
    import torch

    call = _Call.of("enhancer", enhancer, choice)
    with torch.inference_mode(), _unchanged(call, {"images": images, "batch": batch}):
        return _checked_images(call, call.make(enhancer.enhance, images, batch), len(batch))


def guarded_losses(model: "nn.Module | Callable[..., Any]", choice: str, batch: "Batch", phase: str) -> "Losses":
    """What `model(batch, phase)` returns: scalars by name, of them "loss" to step on. Whether they are finite is the
    caller's to ask, as that waits for the device.

    model: a `Model`, or what wraps one. Raises MienError for a fault of the plugin, and torch.OutOfMemoryError.
    """
    import torch

    inner = getattr(model, "_orig_mod", model)  # of what is compiled
    inner = cast("Model", getattr(inner, "module", inner))
    call = _Call.of("model", inner, choice)
    with _unchanged(call, {"batch": batch}):
        losses = call.make(model, batch, phase, passing=(torch.OutOfMemoryError,))
    if not isinstance(losses, dict) or "loss" not in losses:
        raise call.fault(f"returned {_described(losses)} in phase {phase!r} instead of a dict with 'loss'")
    for name, value in losses.items():
        if not isinstance(value, torch.Tensor) or value.shape != ():
            raise call.fault(f"returned {_described(value)} as {name!r} in phase {phase!r} instead of a scalar tensor")
    if torch.is_grad_enabled() and not losses["loss"].requires_grad:
        raise call.fault(f"returned a loss in phase {phase!r} that depends on no parameter")
    return losses


def guarded_fit(model: "Model", choice: str, faces: "Iterable[Batch]") -> None:
    """`Model.fit` to batches of faces. Raises MienError for a fault of the plugin."""
    _Call.of("model", model, choice).make(model.fit, faces)


def guarded_stages(model: "Model", choice: str) -> "list[Stage]":
    """`Model.stages`. Raises MienError for a fault of the plugin: what are no stages, or such as cannot be trained."""
    from mien.contracts.model import Stage

    call = _Call.of("model", model, choice)
    answer: object = call.make(model.stages)
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        raise call.fault(f"returned {_described(answer)} from stages() instead of a list of Stage")
    stages = list(answer)
    for number, stage in enumerate(stages, 1):
        if not isinstance(stage, Stage):
            raise call.fault(f"returned {_described(stage)} in stages() instead of a Stage")
        if not _is_whole(stage.resolution, 2) or stage.resolution > _LARGEST_PX:
            raise call.fault(f"has a stage of {stage.resolution!r} px; crops have 2 to {_LARGEST_PX} px ({stage})")
        if not _is_whole(stage.batch_size, 1):
            raise call.fault(f"has a stage with a batch_size of {stage.batch_size!r} faces; it counts from 1 ({stage})")
        if stage.steps is None and number < len(stages):
            raise call.fault(f"has stage {number} of {len(stages)} without an end: only the last may lack steps")
        if stage.steps is not None and not _is_whole(stage.steps, 1):
            raise call.fault(f"has a stage with {stage.steps!r} steps; they count from 1 ({stage})")
    return stages


def guarded_optimizer(model: "Model", choice: str, phase: str) -> "Optimizer":
    """`Model.optimizer`. Raises MienError for a fault of the plugin, and torch.OutOfMemoryError."""
    import torch

    call = _Call.of("model", model, choice)
    made: object = call.make(model.optimizer, phase, passing=(torch.OutOfMemoryError,))
    if not isinstance(made, torch.optim.Optimizer):
        raise call.fault(f"returned {_described(made)} from optimizer({phase!r}) instead of a torch.optim.Optimizer")
    return made


def guarded_after_step(model: "Model", choice: str, phase: str) -> None:
    """`Model.after_step`. Raises MienError for a fault of the plugin, and torch.OutOfMemoryError."""
    import torch

    _Call.of("model", model, choice).make(model.after_step, phase, passing=(torch.OutOfMemoryError,))


def guarded_in_training(model: "Model", choice: str, doing: str, method: Callable[..., T], *arguments: Any) -> T:
    """What follows from a model's losses: the backward pass, an optimizer's step. doing: which it is, for the error.

    Raises MienError for a fault of the plugin, and torch.OutOfMemoryError.
    """
    import torch

    call = _Call.of("model", model, choice)
    return call.make(method, *arguments, passing=(torch.OutOfMemoryError,), doing=f" in {doing}")


def guarded_prepare(model: "Model", choice: str, given: "Given", done: Callable[[], object]) -> None:
    """`Model.prepare`. Raises MienError for a fault of the plugin."""
    _Call.of("model", model, choice).make(model.prepare, given, done)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a plugin, and how its faults are told."""

    kind: str
    choice: str
    plugin: Plugin

    @classmethod
    def of(cls, kind: str, plugin: Plugin, choice: str) -> "_Call":
        return cls(kind, choice, plugin)

    def make(
        self, method: Callable[..., T], *arguments: Any, passing: tuple[type[Exception], ...] = (), doing: str = ""
    ) -> T:
        """passing: errors that the caller deals with. doing: " in" what it was called, for an error."""
        passed: tuple[type[Exception], ...] = (MienError, *passing)
        try:
            return method(*arguments)
        except passed:
            raise
        # SystemExit too: some libraries exit where they should raise.
        except (Exception, SystemExit) as error:
            place = place_of(error, type(self.plugin).__module__)
            if isinstance(error, ValueError) and "read-only" in str(error):
                raise self.fault(f"writes into what it was given: {error}{place}") from error
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self.fault(f"failed{doing}: {words}{place}") from error

    def fault(self, what: str) -> MienError:
        origin = f" of {self.plugin.origin}" if self.plugin.origin else ""
        named = self.choice
        if self.kind == "model":  # a run keeps name and settings apart
            named = changed_settings(named.partition(":")[0], self.plugin.config)
        checked = shlex.quote(f"{self.kind}/{named}")
        return MienError(f"The {self.kind} {named!r}{origin} {what}.", f"mien plugins check {checked}")


def _checked_faces(call: _Call, faces: Any) -> list[Face]:
    if not isinstance(faces, list):
        raise call.fault(f"returned {_described(faces)} instead of a list of faces")
    for number, face in enumerate(faces):
        _check_face(call, face, f"face {number} of {len(faces)}")
    return faces


def _check_face(call: _Call, face: Any, which: str) -> None:
    if not isinstance(face, Face) or not isinstance(face.box, Box):
        raise call.fault(f"returned {_described(face)} instead of a Face with a Box ({which})")
    arrays: list[tuple[str, Any, tuple[int, ...] | None]] = []
    if face.landmarks is not None:
        arrays.append(("landmarks", face.landmarks, (68, 2)))
    arrays += [(f"points {name!r}", points, None) for name, points in face.points.items()]
    for name, values, shape in arrays:
        _check_array(call, values, np.float32, shape, f"{name} of {which}")
        if not np.isfinite(values).all():
            raise call.fault(f"returned {name} that are not finite ({which})")
    box = (face.box.left, face.box.top, face.box.right, face.box.bottom)
    if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        raise call.fault(f"returned the box {tuple(map(float, box))}, which holds nothing ({which})")
    if not 0 <= face.score <= 1:
        raise call.fault(f"returned the score {face.score}, which does not lie in [0, 1] ({which})")


def _check_array(
    call: _Call, values: Any, dtype: type[np.generic], shape: tuple[int | None, ...] | None, which: str = ""
) -> None:
    """shape: None: any."""
    if isinstance(values, np.ndarray) and values.dtype == dtype and shape in (None, values.shape):
        return
    wanted = np.dtype(dtype).name if shape is None else f"{np.dtype(dtype).name} {_shape(shape)}"
    raise call.fault(f"returned {_described(values)} instead of {wanted}{f' ({which})' if which else ''}")


def _checked_images(call: _Call, generated: Any, count: int) -> "Tensor | Generated":
    from mien.contracts.model import Generated

    images = generated.images if isinstance(generated, Generated) else generated
    _check_tensor(call, "images", images, (count, 3))
    _check_range(call, "images", images, -1)
    if isinstance(generated, Generated):
        masks = generated.masks
        _check_tensor(call, "masks", masks, (count, 1, *images.shape[2:]))
        _check_range(call, "masks", masks, 0)
        return generated
    return cast("Tensor", images)


def _check_tensor(call: _Call, what: str, values: Any, shape: tuple[int, ...]) -> None:
    """shape: (N, C, T, T), or (N, C) for square images of any side."""
    import torch

    if isinstance(values, torch.Tensor) and values.dtype == torch.float32 and values.ndim == 4:
        square = values.shape[2] == values.shape[3] > 0
        if square and values.shape[: len(shape)] == shape:
            return
    returned = f"a {type(values).__name__}" if isinstance(values, np.ndarray) else _described(values)
    wanted = f"({shape[0]}, {shape[1]}, T, T)" if len(shape) == 2 else _shape(shape)
    raise call.fault(f"returned {returned} instead of {what} of float32 {wanted}")


def _check_range(call: _Call, what: str, values: "Tensor", lowest: int) -> None:
    if not values.numel():
        return
    low, high = (float(end) for end in values.aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise call.fault(f"returned {what} that are not finite")
    if low < lowest - _TOLERANCE or high > 1 + _TOLERANCE:
        raise call.fault(f"returned {what} from {low:.3g} to {high:.3g}, which do not lie in [{lowest}, 1]")


def _is_whole(value: object, lowest: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= lowest


def _described(value: Any) -> str:
    """What was returned, in words."""
    if value is None:
        return "None"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{str(value.dtype).removeprefix('torch.')} {_shape(value.shape)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _shape(shape: Sequence[int | None]) -> str:
    sides = ["S" if side is None else str(side) for side in shape]
    return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"


@contextmanager
def _unchanged(call: _Call, given: Mapping[str, Any]) -> Iterator[None]:
    """Raises MienError if a tensor of what was given has been written into."""
    watched = Watched(given)
    yield
    if changed := watched.changed():
        raise call.fault(f"has changed {changed}, which it was given; it has to work on a copy")
