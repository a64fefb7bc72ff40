"""Images with the faces in them that are to be drawn anew, and with those that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.face import Affine, FaceCrop, Mask, RgbImage
from mien.contracts.model import Generated, to_uint8_images
from mien.inference.target import FaceTarget
from mien.tracking.tracker import TrackedFace
from mien.training.batch import resampled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene(Generic[T]):
    """An image and the faces in it that are to be drawn anew."""

    image: RgbImage
    faces: Sequence[TrackedFace]
    context: T
    """What the scene is to its owner: it comes back with the result."""
    targets: Sequence[FaceTarget] | None = None
    """Whom each face is to be drawn as; None: as the generator's own target, or that of its own of them."""
    frame: int | None = None
    """Its number in a video, of which the scenes before and after it are the frames around it: its faces are followed
    over them by their `track`. None: an image of its own."""


@dataclass(frozen=True, slots=True)
class GeneratedFace:
    """A face that was drawn, and where it belongs."""

    crop: FaceCrop
    """The face as it was, whole, at the size that it was cut at."""
    image: RgbImage
    """uint8 (T, T, 3), RGB: the area of the crop."""
    mask: Mask
    """float32 (T, T) in [0, 1]: what of it is to be set into the scene."""
    to_crop: Affine
    """float64 (2, 3): scene pixels to the pixels of `image`."""
    in_front: Mask | None = None
    """float32 (S, S) in [0, 1], in the crop's pixels: what of the scene is laid over the new face; None: nothing."""


@dataclass(frozen=True, slots=True)
class GeneratedScene(Generic[T]):
    """A scene with new faces that are not yet set into it."""

    scene: Scene[T]
    faces: Sequence[GeneratedFace]


def placed(generated: Generated, crops: Sequence[FaceCrop]) -> list[GeneratedFace]:
    """Drawn faces with the transforms that set them into their scenes; nothing is resampled for that."""
    images, side = to_uint8_images(generated.images), generated.images.shape[-1]
    masks: NDArray[np.float32] = resampled(generated.masks.float(), side)[:, 0].cpu().numpy()
    return [
        GeneratedFace(crop, image, mask, scaled(crop.to_crop, side / crop.size))
        for crop, image, mask in zip(crops, images, masks, strict=True)
    ]


def generated_face(crop: FaceCrop, image: RgbImage, mask: Mask | None = None) -> GeneratedFace:
    """A face that was drawn for a crop at any size, with the crop's mask if it has none of its own."""
    side = image.shape[0]
    if mask is None:
        mask = resampled(torch.from_numpy(crop.mask)[None, None], side)[0, 0].numpy()
    return GeneratedFace(crop, image, mask, scaled(crop.to_crop, side / crop.size))


def scaled(to_crop: Affine, scale: float) -> Affine:
    """A crop's transform for the crop at another size.

    With pixel centers at integers, p′ = (p + ½)·k − ½ for the scale k.
    """
    result: Affine = to_crop * scale
    result[:, 2] += (scale - 1) / 2
    return result
