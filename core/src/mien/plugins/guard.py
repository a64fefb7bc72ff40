"""What a plugin returns is checked here, whoever asks."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from mien.contracts.blender import Blender
from mien.contracts.enhancer import Enhancer
from mien.contracts.face import Affine, Mask, RgbImage
from mien.contracts.model import Batch, Generated, Model
from mien.contracts.target import Target
from mien.errors import MienError


@contextmanager
def failures_told(kind: str, choice: str) -> Iterator[None]:
    """A third party's plugin may raise anything; what it was has to be said, with its name."""
    try:
        yield
    except MienError:
        raise
    except Exception as error:
        raise MienError(
            f"The {kind} {choice!r} failed: {type(error).__name__}: {error}",
            f"mien plugins show {choice.partition(':')[0]}",
        ) from error


def guarded_generate(model: Model, choice: str, batch: Batch, target: Target) -> Tensor | Generated:
    """What the model draws, checked."""
    with failures_told("model", choice), torch.inference_mode():
        drawn = model.generate(batch, target)
    _check_images(drawn, choice, "model", len(batch))
    return drawn


def guarded_enhance(enhancer: Enhancer, choice: str, images: Tensor, batch: Batch) -> Tensor | Generated:
    """What the enhancer makes of drawn faces, checked."""
    with failures_told("enhancer", choice), torch.inference_mode():
        enhanced = enhancer.enhance(images, batch)
    _check_images(enhanced, choice, "enhancer", len(batch))
    return enhanced


def guarded_blend(
    blender: Blender, choice: str, scene: RgbImage, face: RgbImage, mask: Mask, to_crop: Affine
) -> RgbImage:
    """The scene with the face in it, checked."""
    with failures_told("blender", choice):
        blended = blender.blend(scene, face, mask, to_crop)
    if not (isinstance(blended, np.ndarray) and blended.dtype == np.uint8 and blended.shape == scene.shape):
        raise MienError(
            f"The blender {choice!r} did not return an image of {scene.shape}, uint8.",
            "Report it to its makers, or choose another --blender.",
        )
    return blended


def _check_images(drawn: Tensor | Generated, choice: str, kind: str, count: int) -> None:
    images = drawn.images if isinstance(drawn, Generated) else drawn
    side = images.shape[-1]
    if images.shape != (count, 3, side, side) or not bool(torch.isfinite(images).all()):
        raise MienError(
            f"The {kind} {choice!r} drew {tuple(images.shape)} where ({count}, 3, T, T) was due, "
            "or values that are not finite.",
            "Swap with an earlier checkpoint's weights, or train again.",
        )
