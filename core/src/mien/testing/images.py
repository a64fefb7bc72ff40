"""The real faces that the contract tests look at. Their origin and licences: faces/NOTICE.md."""

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
from PIL import Image

from mien.contracts.face import Landmarks, RgbImage

_FACES = resources.files("mien.testing").joinpath("faces")


@dataclass(frozen=True, slots=True)
class Portrait:
    """An image of one face."""

    image: RgbImage
    """uint8 (H, W, 3), RGB."""
    landmarks: Landmarks
    """float32 (68, 2) in pixels of the image, as dlib found them."""


def portraits() -> list[Portrait]:
    """Two people, an upright face of about 100 px each; new arrays at every call."""
    landmarks = json.loads(_FACES.joinpath("landmarks.json").read_text(encoding="utf-8"))
    return [Portrait(_read(f"{name}.jpg"), np.array(points, np.float32)) for name, points in landmarks.items()]


def no_face() -> RgbImage:
    """A cup of coffee: uint8 (240, 360, 3)."""
    return _read("coffee.jpg")


def side_by_side(left: RgbImage, right: RgbImage) -> RgbImage:
    """Two images as one, gray below the shorter."""
    height = max(left.shape[0], right.shape[0])
    both = np.full((height, left.shape[1] + right.shape[1], 3), 128, np.uint8)
    both[: left.shape[0], : left.shape[1]] = left
    both[: right.shape[0], left.shape[1] :] = right
    return both


def _read(name: str) -> RgbImage:
    with _FACES.joinpath(name).open("rb") as file, Image.open(file) as image:
        return np.array(image.convert("RGB"))
