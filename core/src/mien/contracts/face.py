"""A face where it was found, and the same face cut out. Nothing else travels between the plugins."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RgbImage: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W, 3), red first."""
Landmarks: TypeAlias = NDArray[np.float32]
"""float32 (68, 2) in iBUG-68 order: x to the right, y down, in pixels; an integer is the centre of a pixel."""
Points: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Name → float32 (n, 2), counted as landmarks are."""
Mask: TypeAlias = NDArray[np.float32]
"""float32 (S, S) in [0, 1]; 1 is face."""
Affine: TypeAlias = NDArray[np.float64]
"""float64 (2, 3): a similarity transform from image pixels to crop pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in image pixels; it may reach over the image's border."""

    left: float
    top: float
    right: float
    bottom: float
    angle_degrees: float = 0.0
    """How far the rectangle is turned about its centre, clockwise as one sees it. The sides above are those before."""

    @property
    def area(self) -> float:
        """In square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    @property
    def corners(self) -> NDArray[np.float32]:
        """float32 (4, 2) in image pixels: left top, right top, right bottom, left bottom of the face."""
        angle = math.radians(self.angle_degrees)
        cosine, sine = math.cos(angle), math.sin(angle)
        center_x, center_y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        right, down = (self.right - self.left) / 2, (self.bottom - self.top) / 2
        corners = [
            (center_x + (x * cosine - y * sine), center_y + (x * sine + y * cosine))
            for x, y in ((-right, -down), (right, -down), (right, down), (-right, down))
        ]
        return np.array(corners, np.float32)


SURELY_A_FACE = 0.7
"""The least score of what is drawn anew. What has a lower one may be a face: `anonymize` hides it, `swap` leaves it
alone. dlib gives a badge up to 0.65."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face as an extractor found it."""

    box: Box
    landmarks: Landmarks | None
    """In image pixels; None if the extractor knows boxes alone."""
    score: float
    """How sure the extractor is, in [0, 1]; ½: as likely a face as not."""
    points: Points = field(default_factory=dict)
    """What else the extractor knows, in image pixels. "five": the eyes, the tip of the nose and the corners of the
    mouth, float32 (5, 2), those to the left in the image first; other names are the extractor's own, as "mesh478"."""


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A face cut out of its scene, upright and square. `mien.geometry.alignment.align` makes it."""

    image: RgbImage
    """uint8 (S, S, 3), whole: the mask has taken nothing away. Black where the crop reaches over the scene's border."""
    mask: Mask
    """float32 (S, S), multiples of 1/255: how much of each pixel is face. 0 outside of the scene."""
    landmarks: Landmarks | None
    """float32 (68, 2) in crop pixels; None if they are not known."""
    to_crop: Affine
    """Image pixels to crop pixels. Its inverse is all that the way back needs."""
    scene: RgbImage | None = None
    """The whole image the face was cut from, while it is at hand."""
    points: Points = field(default_factory=dict)
    """What else is known, in crop pixels: the face's `points`, and "box", the corners of its box, float32 (4, 2).
    A dataset keeps the box alone."""

    @property
    def size(self) -> int:
        """The crop's side S in pixels."""
        return int(self.image.shape[0])

    @property
    def masked_image(self) -> RgbImage:
        """The image times the mask: uint8 (S, S, 3), black where the mask is 0. A new array at every call."""
        import cv2  # when it is needed: listing plugins loads this module, and no cv2

        masked = cv2.multiply(self.image, cv2.merge([self.mask] * 3), dtype=cv2.CV_8U)  # rounded to the nearest
        return masked.astype(np.uint8, copy=False)
