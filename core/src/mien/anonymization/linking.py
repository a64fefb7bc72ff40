"""The faces of a video's frames followed from frame to frame, and searched where they are missing."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import SURELY_A_FACE, Box, Face, RgbImage
from mien.geometry.boxes import (
    box_distance,
    box_of,
    center,
    growth,
    is_same_face,
    longer_side,
    shared_area,
    weighted_mean,
)
from mien.geometry.closeup import found_in_closeup
from mien.geometry.pixel_shape import in_square_pixels
from mien.media.video_reader import Frame
from mien.workers.threads import ordered_map

AROUND = 1.0
"""A face that is lost is searched so many times its size around its last place on each side,"""
AROUND_SIZES_PX = (48, 64)
"""with the square there resampled so that the face has a size within these."""
MAX_STEP = 1.0
"""From one frame to the next a face moves less than this share of its size,"""
MAX_GROWTH = 1.6
"""and grows or shrinks less than this."""


@dataclass(slots=True)
class SearchedFrame:
    """A frame, and the faces that are known in it by now."""

    frame: Frame
    signature: NDArray[np.int16]
    """See `frame_signature`."""
    pixel_shape: float
    """See `VideoSource.pixel_shape`."""
    begins_shot: bool
    is_searched: bool
    """Whether it was searched in full."""
    is_wide: bool = False
    """Whether it was searched from all sides, as an image is."""
    is_looked_at: bool = True
    """Whether the follower looked at it; where not, faces are taken to lie between those of the frames beside."""
    faces: list[Face] = field(default_factory=list)
    """In pixels of `view`."""
    view: RgbImage = field(init=False)
    """The frame in square pixels."""

    def __post_init__(self) -> None:
        """Make the view."""
        self.view = in_square_pixels(self.frame.image, self.pixel_shape)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the view, which is made anew."""
        return SearchedFrame, tuple(getattr(self, one.name) for one in fields(self) if one.init)


@dataclass(slots=True)
class LinkedFrames:
    """The frames of a video that came in up to one of them and have not gone out; it can be pickled between two."""

    frames_in: int = 0
    """How many came in: the number of the next one."""
    last_signature: NDArray[np.int16] | None = None
    """Of the last one that came in."""
    near: list[SearchedFrame] = field(default_factory=list)
    start: int = 0
    """Where in `near` the last full search was."""
    done: deque[SearchedFrame] = field(default_factory=deque)
    """These are to go out."""


@dataclass(frozen=True, slots=True)
class Linker:
    """Finds the faces of each frame in the frames around it, and has frames searched in which one is missing."""

    search: Callable[[SearchedFrame], int]
    """Searches a frame in full, in several threads, and adds what it finds; returns how many faces came in."""
    find: Callable[[RgbImage], Sequence[Face]]
    """Looks for faces in the surroundings of one."""
    measure: Callable[[RgbImage, Sequence[Face]], list[Face]]
    """Gives faces their landmarks, where it can."""
    threads: int

    def over(self, frames: Iterable[SearchedFrame], linked: LinkedFrames) -> Iterator[SearchedFrame]:
        """Frames go out when those up to the full search after the next are in.

        linked: what is known of the video by now; frames: those from number `frames_in` on.
        """
        for seen in frames:
            self._take_in(seen, linked)
            while linked.done:
                yield linked.done.popleft()
        linked.done.extend(linked.near)
        linked.near, linked.start = [], 0
        while linked.done:
            yield linked.done.popleft()

    def _take_in(self, seen: SearchedFrame, linked: LinkedFrames) -> None:
        linked.frames_in, linked.last_signature = seen.frame.index + 1, seen.signature
        linked.near.append(seen)
        last = len(linked.near) - 1
        if last == linked.start or not seen.is_searched:
            return
        if not seen.begins_shot:
            self._link(linked.near, linked.start)
        linked.done.extend(linked.near[: linked.start])
        linked.near, linked.start = linked.near[linked.start :], last - linked.start

    def _link(self, near: list[SearchedFrame], start: int) -> None:
        """Follow the faces between two full searches, near[start] and the last, and in what was before."""
        doubtful = self._follow(near, start)
        between = [near[number] for number in sorted(doubtful) if not near[number].is_searched]
        if between:
            with closing(ordered_map(self.search, between, self.threads, 2 * self.threads)) as added:
                if sum(added) + sum(not seen.is_looked_at for seen in between):
                    for seen in between:
                        seen.is_looked_at = True
                    self._follow(near, start)
        for number in range(start + 1, len(near) - 1):
            if not near[number].is_looked_at:
                self._fill(near[number - 1], near[number], near[number + 1])

    def _follow(self, near: list[SearchedFrame], start: int) -> set[int]:
        """Find each face of a frame in the frames around it; returns in which a sure face may be without being found.

        Frames that nobody looked at are passed over.
        """
        end = len(near) - 1
        lost: set[int] = set()
        looked_at = [number for number in range(len(near)) if near[number].is_looked_at]
        for before, number in pairwise(looked_at[looked_at.index(start) :]):
            if self._found_again(near[before], near[number]):
                lost.update(range(before + 1, end))
        for after, number in pairwise(reversed(looked_at)):
            if near[after].begins_shot:
                break
            if self._found_again(near[after], near[number]) and number >= start:
                lost.update(range(start + 1, after))
        return lost

    def _fill(self, before: SearchedFrame, seen: SearchedFrame, after: SearchedFrame) -> None:
        """The faces of a frame that nobody looked at, from those beside it."""
        matched = _matched(before.faces, after.faces)
        seen.faces = [_between(before.faces[one], after.faces[other]) for one, other in matched.items()]
        rest = [face for number, face in enumerate(before.faces) if number not in matched]
        rest += [face for number, face in enumerate(after.faces) if number not in matched.values()]
        for face in rest:
            self._add(seen, self._located(seen.view, face))
        seen.is_looked_at = True

    @staticmethod
    def _add(seen: SearchedFrame, face: Face | None) -> None:
        if face is not None and not any(is_same_face(known.box, face.box) for known in seen.faces):
            seen.faces.append(face)

    def _found_again(self, one: SearchedFrame, other: SearchedFrame) -> bool:
        """Find the faces of a frame in one beside it; returns whether one that is sure is not there."""
        is_lost = False
        there = _matched(one.faces, other.faces)
        for number, face in enumerate(one.faces):
            if number in there:
                continue
            found = self._located(other.view, face)
            if found is None:
                is_lost = is_lost or face.score >= SURELY_A_FACE
            else:
                self._add(other, found)
        return is_lost

    def _located(self, view: RgbImage, face: Face) -> Face | None:
        """A face of a neighboring frame in this one: measured at its place, or else searched around it."""
        bare = replace(face, landmarks=None, points=_five(face))
        if face.landmarks is not None:
            measured = self.measure(view, [bare])[0]
            if measured.landmarks is not None:
                return replace(measured, box=_moved(face.box, face.landmarks, measured.landmarks), points={})
        found = found_in_closeup(view, bare, self.find, margin=AROUND, sizes_px=AROUND_SIZES_PX)
        inside = Box(0, 0, *view.shape[1::-1])
        near = [other for other in found if _can_be(face.box, other.box) and shared_area(other.box, inside) > 0]
        if not near:
            return None
        return self.measure(view, [min(near, key=lambda other: box_distance(face.box, other.box))])[0]


def _five(face: Face) -> dict[str, NDArray[np.float32]]:
    """How the face was turned, for whoever looks closer."""
    return {name: points for name, points in face.points.items() if name == "five"}


def _moved(box: Box, before: NDArray[np.float32], after: NDArray[np.float32]) -> Box:
    """A box as its face's landmarks have moved and grown."""
    one, other = box_of(before), box_of(after)
    scale = longer_side(other) / longer_side(one)
    (x, y), (from_x, from_y), (to_x, to_y) = center(box), center(one), center(other)
    x, y = to_x + (x - from_x) * scale, to_y + (y - from_y) * scale
    half_width, half_height = (box.right - box.left) * scale / 2, (box.bottom - box.top) * scale / 2
    return Box(x - half_width, y - half_height, x + half_width, y + half_height, box.angle_degrees)


def _can_be(one: Box, other: Box) -> bool:
    """Whether a face may have come from one box to the other within a frame."""
    (x, y), (to_x, to_y) = center(one), center(other)
    step = float(np.hypot(to_x - x, to_y - y)) / max(longer_side(one), longer_side(other))
    return step < MAX_STEP and growth(one, other) < MAX_GROWTH


def _between(one: Face, other: Face) -> Face:
    """A face halfway between two places."""
    landmarks = None
    if one.landmarks is not None and other.landmarks is not None:
        landmarks = ((one.landmarks + other.landmarks) / 2).astype(np.float32)
    box = weighted_mean([(1.0, one.box), (1.0, other.box)])
    return Face(box, landmarks, min(one.score, other.score))


def _matched(faces: Sequence[Face], others: Sequence[Face]) -> dict[int, int]:
    """The numbers of faces that are among the others → the number there, each once; nearest pairs first."""
    pairs = sorted(
        (box_distance(face.box, other.box) / longer_side(face.box), number, place)
        for number, face in enumerate(faces)
        for place, other in enumerate(others)
        if is_same_face(face.box, other.box)
    )
    found: dict[int, int] = {}
    for _, number, place in pairs:
        if number not in found and place not in found.values():
            found[number] = place
    return found
