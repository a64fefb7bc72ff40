"""A rectangle of an image that is hidden because a face may be there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

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
    find: Box | None = None
    """What was found there and has to be hidden whole; None: where exactly it is nobody knows."""

    @classmethod
    def around(cls, box: Box, reach: float) -> "Region":
        """The square around a box in which something was, with `reach` times its longer side on each side."""
        x, y = center(box)
        half = longer_side(box) * (0.5 + reach)
        return cls(x - half, y - half, x + half, y + half)

    @classmethod
    def around_find(cls, box: Box) -> "Region":
        """The square around what was found in a box, and `FACE_REACH` on each side."""
        return replace(cls.around(box, FACE_REACH), find=box)

    @property
    def box(self) -> Box:
        """The same rectangle."""
        return Box(self.left, self.top, self.right, self.bottom)

    def beside(self, boxes: Iterable[Box]) -> "Region":
        """The region without what of it reaches into these boxes, for in them a face is drawn anew; but whole where a
        box shares something with what was found."""
        region = self
        if self.find is None:
            return region
        for box in boxes:
            if shared_area(region.box, box) == 0 or shared_area(self.find, box) > 0:
                continue
            cuts = [
                replace(region, left=max(region.left, box.right)),
                replace(region, right=min(region.right, box.left)),
                replace(region, top=max(region.top, box.bottom)),
                replace(region, bottom=min(region.bottom, box.top)),
            ]
            whole = [cut for cut in cuts if shared_area(cut.box, self.find) >= self.find.area]
            region = max(whole, key=lambda cut: cut.box.area, default=region)
        return region

    def grown_over(self, boxes: Iterable[Box]) -> "Region":
        """The smallest rectangle around it and every box that it touches, so that no face is hidden by half."""
        grown, left = self.box, list(boxes)
        while touched := [box for box in left if shared_area(grown, box) > 0]:
            left = [box for box in left if box not in touched]
            for box in touched:
                grown = united(grown, box)
        return Region(grown.left, grown.top, grown.right, grown.bottom, self.find)
