"""Whether what somebody hands over in memory is an image."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mien.contracts.face import RgbImage
from mien.errors import MienError


def require_image(image: Any, called: str = "an image") -> RgbImage:
    """The image itself, uint8 (H, W, 3), RGB, with a pixel at least.

    called: what it is, for the error. Raises MienError for anything else, with what makes an image of it.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        if image.size:
            return image
        raise MienError(f"{_begun(called)} has to hold a pixel at least; this is {_described(image)}.")
    raise MienError(
        f"{_begun(called)} has to be uint8 (H, W, 3), RGB; this is {_described(image)}.", _how_to_make_one(image)
    )


def require_images(images: Any, called: str) -> list[RgbImage]:
    """The images as a list. Raises MienError as `require_image`, and for one alone that stands in no list."""
    alone = isinstance(images, str | Path) or (isinstance(images, np.ndarray) and images.ndim < 4)
    if alone or not isinstance(images, Iterable):
        raise MienError(f"{_begun(called)}s are a list; this is {_described(images)}.", "[image]")
    return [require_image(image, f"{called} {number}") for number, image in enumerate(images, 1)]


def _begun(called: str) -> str:
    return called[:1].upper() + called[1:]


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, str | Path):
        return f"the path {str(value)!r}"
    return f"a {type(value).__name__}"


def _how_to_make_one(value: Any) -> str:
    if isinstance(value, str | Path):
        return f"mien.media.images.read_image(Path({str(value)!r}))"
    if not isinstance(value, np.ndarray):
        return "numpy.asarray(image), which has to give that"
    if value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 1):
        made = "numpy.stack([image.squeeze()] * 3, axis=-1)"
    elif value.ndim == 3 and value.shape[2] == 4:
        made = "image[..., :3]"
    elif value.ndim == 3 and value.shape[2] == 3:
        made = "image"
    else:
        return "an array of height, width and 3 colors"
    if value.dtype == np.uint8:
        return made
    if value.dtype.kind == "f":
        up_to_1 = not value.size or float(np.nanmax(value)) <= 1
        made = f"numpy.rint({f'{made} * 255' if up_to_1 else made})"
    elif value.dtype == np.uint16:
        made = f"({made} // 257)"
    return f"{made}.astype(numpy.uint8)"
