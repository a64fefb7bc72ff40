"""Drawing people with learned looks over heads, so that a loss may see them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.contracts.model import Batch, to_uint8_images
from mien.geometry.masks import erode_and_feather
from mien_model_morph.learned.differentiable import changing_with
from mien_model_morph.learned.looks import LearnedPerson
from mien_model_morph.model import Drawing, Morph, Person

_EROSION, _FEATHER, _FEATHER_TOP = 0.1, 0.1, 0.04
"""How faces are set in while looks are learned: the settings of the blender `feather`."""


class Head(NamedTuple):
    """A face that somebody is drawn over."""

    image: NDArray[np.uint8]
    """uint8 (S, S, 3), RGB."""
    landmarks: NDArray[np.float32]
    """float32 (68, 2), in its pixels; NaN where they are not known."""


class Drawn(NamedTuple):
    """People over heads, N of them."""

    scenes: Tensor
    """float32 (N, 3, S, S) in [-1, 1]: the heads as they were."""
    change: Tensor
    """float32 (N, 3, S, S), what drawing adds to them, with gradients."""
    shares: Tensor
    """float32 (N, 1, S, S) in [0, 1]: how much of each pixel is drawn."""
    landmarks: Tensor
    """float32 (N, 68, 2): of the heads."""

    @property
    def images(self) -> Tensor:
        """float32 (N, 3, S, S) in about [-1, 1]: what is seen."""
        return self.scenes + self.change


def heads_of(batch: Batch) -> list[Head]:
    """The faces of a batch as heads."""
    images, landmarks = to_uint8_images(batch.images), batch.landmarks.cpu().numpy()
    return [Head(image, at) for image, at in zip(images, landmarks, strict=True)]


def drawn_over(heads: Sequence[Head], people: Sequence[Person], looks: tuple[Tensor, Tensor], morph: Morph) -> Drawn:
    """Draw people over heads.

    people: without looks, one for each head. looks: lightness (N, 1, 256, 256) and shape (N, 68, 3), as of `Maps`, on
    the device that the result lies on.
    """
    lightness, shape = looks
    device = lightness.device
    added, moved = lightness.detach().cpu().numpy()[:, 0], shape.detach().cpu().numpy()
    with_looks = [LearnedPerson(person, *own) for person, *own in zip(people, added, moved, strict=True)]

    def draw(head: Head, person: Person) -> Drawing:
        return morph.draw(head.image, head.landmarks.astype(np.float64), person)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        drawings = list(pool.map(draw, heads, with_looks))
    images = changing_with(drawings, lightness, shape)
    scenes = torch.from_numpy(np.stack([head.image for head in heads])).to(device).permute(0, 3, 1, 2) / 127.5 - 1
    shares = torch.from_numpy(np.stack([_share(drawing) for drawing in drawings])[:, None]).to(device)
    landmarks = torch.from_numpy(np.stack([head.landmarks for head in heads])).to(device)
    return Drawn(scenes, shares * (images - scenes), shares, landmarks)


def _share(drawing: Drawing) -> NDArray[np.float32]:
    return erode_and_feather(drawing.mask, _EROSION, _FEATHER, feather_top=_FEATHER_TOP)
