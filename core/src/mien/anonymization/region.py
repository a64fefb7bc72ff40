"""A rectangle of an image that is hidden because a face may be there."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mien.contracts.face import Box
from mien.geometry.boxes import center, longer_side, shared_area, united, upright

FACE_REACH = 0.25
"""Around a face that was found but cannot be drawn, this share of its size is hidden on each side: forehead, chin and
ears lie outside of some extractors' boxes."""
APART_OF_FIND, APART_OF_FACE = 0.5, 0.1
"""What was found and a face that share less than this much of each are not the same face: they lie side by side, or one
behind the other. Blocks over more of a face than that would look worse than blocks over all of it."""


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

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The rows and the columns of an image that it reaches into."""
        rows, columns = (
            slice(max(int(np.floor(low)), 0), max(int(np.ceil(high)), 0))
            for low, high in ((self.top, self.bottom), (self.left, self.right))
        )
        return rows, columns

    def beside(self, faces: Iterable[Box]) -> "Region":
        """The region without what it has around the find and a face has, too, for there that face is drawn anew.

        faces: drawn ones, apart from what was found (`is_apart_from`). What was found stays hidden whole.
        """
        region = self
        for box in faces:
            find = self.find
            if find is None or shared_area(region.box, box) == 0:
                continue
            cuts = [
                replace(region, left=max(region.left, min(box.right, find.left))),
                replace(region, right=min(region.right, max(box.left, find.right))),
                replace(region, top=max(region.top, min(box.bottom, find.top))),
                replace(region, bottom=min(region.bottom, max(box.top, find.bottom))),
            ]
            # Where both share something, less of the face is left to be hidden by one cut than by another.
            region = min(cuts, key=lambda cut: (shared_area(cut.box, box), -cut.box.area))
        return region

    def is_apart_from(self, box: Box) -> bool:
        """Whether what was found is another face than the one in the box, if it is a face."""
        if self.find is None:
            return False
        shared = shared_area(self.find, box)
        return shared < APART_OF_FIND * upright(self.find).area and shared < APART_OF_FACE * box.area

    def grown_over(self, boxes: Iterable[Box]) -> "Region":
        """The smallest rectangle around it and every box that it touches, so that no face is hidden by half."""
        grown, left = self.box, list(boxes)
        while touched := [box for box in left if shared_area(grown, box) > 0]:
            left = [box for box in left if box not in touched]
            for box in touched:
                grown = united(grown, box)
        return Region(grown.left, grown.top, grown.right, grown.bottom, self.find)


def merged(regions: Sequence[Region], most: int) -> list[Region]:
    """At most so many regions, 4 or more, that hide whatever these do: if there are more, those at one place become the
    rectangle around them all, of which nobody knows what was found where."""
    kept = list(dict.fromkeys(regions))
    if len(kept) <= most:
        return kept
    side = max(min(longer_side(region.box) for region in kept), 1.0)
    while len(kept) > most:
        at: defaultdict[tuple[float, float], list[Region]] = defaultdict(list)
        for region in kept:
            at[(region.left + region.right) / 2 // side, (region.top + region.bottom) / 2 // side].append(region)
        kept = [_around_all(there) for there in at.values()]
        side *= 2
    return kept


def _around_all(regions: Sequence[Region]) -> Region:
    if len(regions) == 1:
        return regions[0]
    left, top = min(region.left for region in regions), min(region.top for region in regions)
    return Region(left, top, max(region.right for region in regions), max(region.bottom for region in regions))
