"""A rectangle of an image that is hidden because a face may be there."""

from collections.abc import Iterable
from dataclasses import dataclass

from mien.contracts.face import Box
from mien.geometry.boxes import center, longer_side, shared_area, united

FACE_REACH = 0.25
"""Around a face that was found but cannot be drawn, this share of its size is hidden on each side: forehead, chin and
ears lie outside of some extractors' boxes."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of an image that is hidden, in pixels; it may reach over the image's border."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, box: Box, reach: float) -> "Region":
        """The square around a box, with `reach` times the box's longer side on each side."""
        x, y = center(box)
        half = longer_side(box) * (0.5 + reach)
        return cls(x - half, y - half, x + half, y + half)

    @property
    def box(self) -> Box:
        """The same rectangle."""
        return Box(self.left, self.top, self.right, self.bottom)

    def grown_over(self, boxes: Iterable[Box]) -> "Region":
        """The smallest rectangle around it and every box that it touches, so that no face is hidden by half."""
        grown, left = self.box, list(boxes)
        while touched := [box for box in left if shared_area(grown, box) > 0]:
            left = [box for box in left if box not in touched]
            for box in touched:
                grown = united(grown, box)
        return Region(grown.left, grown.top, grown.right, grown.bottom)
