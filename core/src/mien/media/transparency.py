"""Transparent images: searched and drawn as they look on white, and written so that they look the same there.

What stands under transparent pixels is not kept: colors are told by what is seen on white, so that nobody who is hidden
is left where the image is transparent. What was drawn or hidden is opaque: how transparent its pixels were may show
what they showed.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.contracts.face import RgbImage

OPAQUE = 255
Alpha = NDArray[np.uint8]
"""uint8 (H, W): 0 is transparent, 255 opaque."""


def alpha_of(image: Image.Image) -> Alpha | None:
    """How opaque each pixel of a loaded image is; None if all are."""
    if not image.has_transparency_data:
        return None
    alpha = np.array(image.convert("RGBA").getchannel("A"))
    return None if (alpha == OPAQUE).all() else alpha


def on_white(image: NDArray[Any], alpha: Alpha) -> NDArray[Any]:
    """An image with those of its pixels that are transparent on white: uint8 or uint16 (H, W, 3), as it was."""
    white = np.iinfo(image.dtype).max
    darkness = (white - image.astype(np.uint32)) * alpha[..., None]
    return (white - (darkness + OPAQUE // 2) // OPAQUE).astype(image.dtype)


def opaque_where_changed(alpha: Alpha | None, before: RgbImage, after: RgbImage) -> Alpha | None:
    """How opaque an image is after it was drawn in: all that is not as it was before. Both: uint8 (H, W, 3), as they
    look on white."""
    return alpha if alpha is None else np.where((before != after).any(2), OPAQUE, alpha).astype(np.uint8)


def opaque_within(alpha: Alpha | None, parts: Iterable[tuple[slice, slice]]) -> Alpha | None:
    """The same, opaque in some rectangles, by their rows and columns."""
    if alpha is None:
        return None
    result = alpha.copy()
    for rows, columns in parts:
        result[rows, columns] = OPAQUE
    return result


def with_alpha(image: NDArray[Any], alpha: Alpha) -> NDArray[Any]:
    """An image with a fourth channel, that looks as it does now where it is shown on white: (H, W, 4), as it was.

    image: uint8 or uint16 (H, W, 3).
    """
    white = np.iinfo(image.dtype).max
    opacity = alpha[..., None].astype(np.uint32)
    darkness = (white - image.astype(np.uint32)) * OPAQUE
    color = white - np.minimum(white, (darkness + opacity // 2) // np.maximum(opacity, 1))
    color = np.where(opacity == 0, white, color)
    return np.concatenate([color, opacity * (white // OPAQUE)], axis=2).astype(image.dtype)


def as_pillow(image: RgbImage, alpha: Alpha | None) -> Image.Image:
    """An image as Pillow writes it, with its transparency if it has any."""
    return Image.fromarray(image if alpha is None else with_alpha(image, alpha))
