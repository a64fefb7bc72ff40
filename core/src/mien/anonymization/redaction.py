"""What of an image is hidden because a face may be there, or is there and cannot be drawn anew; and how."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import VideoAnalysis
from mien.anonymization.region import FACE_REACH, Region, merged
from mien.contracts.face import Box, RgbImage
from mien.geometry.boxes import is_same_face, shared_area, united, upright
from mien.media.transparency import opaque_within
from mien.media.video_reader import Frame
from mien.tracking.track_gaps import MEMORY_FRAMES
from mien.tracking.tracker import KEPT, TrackedFace

BLOCKS = 6
"""What is hidden becomes blocks of one color each, this many along its shorter side. A face that fills it has then far
fewer than the 12×14 pixels from which people were found to know familiar faces (P. Sinha et al., "Face recognition by
humans", Proceedings of the IEEE 94, 2006)."""
LEAST_BLOCK_PX = 2.0
"""What is so small that blocks would be smaller than this becomes one color: it would be nearly as it was."""
REACH = 1.0
"""Around the place of a face that was just lost, this many times its size is hidden on each side,"""
REACH_PER_SECOND = 1.0
"""and this many times more with each second, since it may have moved."""

MOSTLY_SEEN = 0.25
"""A face that is drawn anew is hidden whole where what is hidden covers this share of it, and else no more of it than
that: it is of nobody, but half a face looks worse than none."""

DOUBTFUL_SECONDS = 0.25
"""What may be a face, but is not surely one, comes and goes: before and after it was found its place is hidden for so
long, with FACE_REACH."""

BRIEF_SECONDS, BRIEF_SCORE = 0.5, 0.9
"""What is found for less than so long, never with this score, and is measured in no frame, is no sure face: a hand that
moves is such a find. A head that turns away has been measured before."""

FOLLOWED_BACK_FRAMES = 20
"""A face that a search from all sides finds is followed back at most so many frames: `Linker` holds no more."""

MOST_REGIONS = 128
"""At most so many regions are hidden in a frame where somebody was lost, or between finds: where finds are scattered
all over it, those at one place are hidden together."""

CanDraw: TypeAlias = Callable[[TrackedFace], bool]
"""Whether the points of a face suffice to draw it anew."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is hidden in each frame of a video."""

    whole: Collection[int] = frozenset()
    """Frames that are hidden all over."""
    parts: Mapping[int, Sequence[Region]] = field(default_factory=dict)
    """Frame → what of it is hidden, of others."""
    without_find: Collection[int] = frozenset()
    """Those of the others in which something is hidden that was found in frames before or after them alone."""

    def hide(self, frame: int, image: RgbImage) -> RgbImage:
        """The frame as it may be shown, uint8 (H, W, 3); the image is left as it was."""
        if frame in self.whole:
            return hidden(image)
        return redact_regions(image, self.parts.get(frame, ()))

    def opaque(self, frame: Frame) -> Frame:
        """The frame as it was, opaque where it is hidden."""
        if frame.alpha is None:
            return frame
        is_whole, regions = frame.index in self.whole, self.parts.get(frame.index, ())
        return replace(frame, alpha=None if is_whole else opaque_within(frame.alpha, (one.pixels for one in regions)))


def plan_redaction(analysis: VideoAnalysis, margin_seconds: float, can_draw: CanDraw) -> Redaction:
    """Decide what is hidden of a video.

    - A frame in which nothing was found that is surely a face: all of it.
    - A frame in which a face is missing that is seen before and after it in the same shot: all of it.
    - After a face was seen for the last time in a shot, or before it comes back much later, for `margin_seconds`: its
      surroundings. Likewise before it is seen first. It may have been there already, or still be there, turned away.
    - What is found for less than `BRIEF_SECONDS` and measured nowhere is treated as what may be a face.
    - Before a face was seen first about where a frame was searched from all sides: its surroundings back to the frame
      searched so before. It may be one that only such a search finds, small or on its side.
    - Faces that cannot be drawn, and what may be a face: the region around each; of what may be one for
      `DOUBTFUL_SECONDS` before and after, too, and between two finds at one place of a shot.

    A region grows over every face that it touches, but for those that are kept: around them nothing is hidden; and but
    for those that are drawn anew, if it covers little of them, or if they surely are other faces than what was found:
    of these no more than the find is hidden.
    """
    whole = frozenset([*analysis.no_face, *analysis.partial])
    parts: defaultdict[int, list[Region]] = defaultdict(list)
    for person, appearances in _appearances(analysis).items():
        for first, last in appearances:
            brief = _is_brief(analysis, person, first, last)
            for start, step in ((first, -1), (last, 1)):
                last_seen = next(face for face in analysis.faces[start] if face.track == person)
                if last_seen.method == KEPT:
                    continue
                sure = last_seen.sure and not brief
                margin = margin_seconds if sure else min(margin_seconds, DOUBTFUL_SECONDS)
                if step < 0 and sure and margin > 0:
                    margin = max(margin, _seconds_unseen(analysis, person, first))
                for index in _near(analysis, start, step, margin):
                    if any(face.track == person for face in analysis.faces[index]):
                        break
                    away = abs(analysis.seconds[index] - analysis.seconds[start])
                    surroundings = Region.around(last_seen.extent, REACH + REACH_PER_SECOND * away)
                    parts[index].append(surroundings if sure else Region.around_find(last_seen.extent))
    for frames, place in _between_finds(analysis):
        region = Region.around_find(place)
        for index in frames:
            parts[index].append(region)
            if len(parts[index]) > 2 * MOST_REGIONS:
                parts[index] = merged(parts[index], MOST_REGIONS)
    return _redaction(analysis, whole, parts, can_draw)


def with_leaks(
    redaction: Redaction, analysis: VideoAnalysis, leaks: Mapping[int, Sequence[Box]], checked: Sequence[int]
) -> Redaction:
    """Hide what was found in frames that were written, too.

    leaks: frame → where a face was found. checked: the frames that were searched, ascending: since the face may be in
    those between, its surroundings are hidden from the frame before to the one after, within the shot.
    """
    parts = {index: list(regions) for index, regions in redaction.parts.items()}
    for frame, boxes in leaks.items():
        at = checked.index(frame)
        before = checked[at - 1] + 1 if at else 0
        after = checked[at + 1] if at + 1 < len(checked) else len(analysis.faces)
        for index in range(before, after):
            if analysis.shots[index] == analysis.shots[frame] and index not in redaction.whole:
                away = abs(analysis.seconds[index] - analysis.seconds[frame])
                regions = [Region.around(box, FACE_REACH + REACH_PER_SECOND * away) for box in boxes]
                parts.setdefault(index, []).extend(_grown(regions, analysis.faces[index], None))
    return replace(redaction, parts=parts)


def regions_of_leaks(leaks: Sequence[Box], faces: Sequence[TrackedFace]) -> list[Region]:
    """The regions that hide what was found in an image that was written, grown over the faces that they touch."""
    return _grown([Region.around(box, FACE_REACH) for box in leaks], faces, None)


def hide_undrawable(analysis: VideoAnalysis, can_draw: CanDraw) -> Redaction:
    """Hide nothing of a video but the faces that cannot be drawn: the region around each, in every frame."""
    return _redaction(analysis, frozenset(), {}, can_draw)


def regions_of_undrawable(faces: Sequence[TrackedFace], can_draw: CanDraw) -> list[Region]:
    """The regions that hide the faces of an image that cannot be drawn, grown over others that they touch. They end
    where a face begins that is drawn, if it is surely one and another one than what was found."""
    return _grown([Region.around_find(face.extent) for face in faces if not can_draw(face)], faces, can_draw)


def hidden(image: RgbImage) -> RgbImage:
    """An image in which nobody can be recognized, uint8 (H, W, 3)."""
    return _in_blocks(image, min(image.shape[:2]) / BLOCKS)


def redact_regions(image: RgbImage, regions: Sequence[Region]) -> RgbImage:
    """An image with parts of it hidden; the image is left as it was."""
    result = image.copy() if regions else image
    for region in regions:
        part = result[region.pixels]
        if part.size:
            part[:] = _in_blocks(part, min(region.right - region.left, region.bottom - region.top) / BLOCKS)
    return result


def _in_blocks(image: RgbImage, block_px: float) -> RgbImage:
    height, width = image.shape[:2]
    count = (
        (max(round(width / block_px), 1), max(round(height / block_px), 1)) if block_px >= LEAST_BLOCK_PX else (1, 1)
    )
    means = cv2.resize(image, count, interpolation=cv2.INTER_AREA)
    blocks: RgbImage = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)
    return blocks


def _redaction(
    analysis: VideoAnalysis, whole: Collection[int], parts: Mapping[int, Sequence[Region]], can_draw: CanDraw
) -> Redaction:
    grown = {
        index: _grown(merged(parts.get(index, ()), MOST_REGIONS), faces, can_draw)
        + regions_of_undrawable(faces, can_draw)
        for index, faces in enumerate(analysis.faces)
        if index not in whole
    }
    shown = {index: regions for index, regions in grown.items() if regions}
    return Redaction(whole, shown, frozenset(parts).intersection(shown))


def _grown(regions: Sequence[Region], faces: Sequence[TrackedFace], can_draw: CanDraw | None) -> list[Region]:
    """can_draw: None: what is hidden grows over faces that are drawn, too, however little it touches them."""
    replaced = [face for face in faces if face.method != KEPT]
    drawn = [face.extent for face in replaced if face.sure and can_draw is not None and can_draw(face)]
    others = [face.extent for face in replaced if face.extent not in drawn]
    grown = []
    for region in regions:
        apart = [box for box in drawn if region.is_apart_from(box)]
        there = region.beside(apart)
        covered = [box for box in drawn if shared_area(there.box, box) >= MOSTLY_SEEN * box.area and box not in apart]
        grown.append(there.grown_over([*others, *covered]))
    return grown


def _between_finds(analysis: VideoAnalysis) -> Iterator[tuple[list[int], Box]]:
    """Frames between two finds at one place of a shot, not both of which are surely faces, and the place."""
    last: list[tuple[int, TrackedFace]] = []
    places = np.zeros((0, 4))
    for index, faces in enumerate(analysis.faces):
        if index and analysis.shots[index] != analysis.shots[index - 1]:
            last, places = [], places[:0]
        here = [face for face in faces if face.method != KEPT]
        there = _sides([face.extent for face in here])
        again = set()
        for number, other in zip(*_touching(places, there), strict=True):
            (before, found), face = last[number], here[other]
            if not is_same_face(found.extent, face.extent):
                continue
            again.add(number)
            if not (found.sure and face.sure):
                place = united(found.extent, face.extent)
                yield _without_sure(analysis, before, index, place), place
        tracks = {face.track for face in faces}
        lost = [
            number
            for number, (before, found) in enumerate(last)
            if number not in again and found.track not in tracks and index - before < MEMORY_FRAMES
        ]
        last = [*(last[number] for number in lost), *((index, face) for face in here)]
        places = np.concatenate([places[lost], there])


def _sides(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Left, top, right and bottom of N boxes, float64 (N, 4); of a turned one those of the upright one around it."""
    sides = [(box.left, box.top, box.right, box.bottom) for box in map(upright, boxes)]
    return np.array(sides, np.float64).reshape(len(sides), 4)


def _touching(some: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """The pairs of N and M boxes that share something, by their numbers."""
    shared = np.minimum(some[:, None, 2:], others[None, :, 2:]) - np.maximum(some[:, None, :2], others[None, :, :2])
    first, second = np.nonzero((shared > 0).all(axis=2))
    return first.tolist(), second.tolist()


def _without_sure(analysis: VideoAnalysis, before: int, after: int, place: Box) -> list[int]:
    """The frames between two in which nothing that is surely a face lies at a place: the finds may be parts of one."""
    return [
        index
        for index in range(before + 1, after)
        if not any(face.sure and is_same_face(face.extent, place) for face in analysis.faces[index])
    ]


def _appearances(analysis: VideoAnalysis) -> dict[int, list[tuple[int, int]]]:
    """Person → first and last frame of each stretch of frames in one shot that they are seen in."""
    appearances: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, faces in enumerate(analysis.faces):
        for face in faces:
            stretches = appearances[face.track]
            goes_on = stretches and stretches[-1][1] == index - 1 and analysis.shots[index] == analysis.shots[index - 1]
            if goes_on:
                stretches[-1] = (stretches[-1][0], index)
            else:
                stretches.append((index, index))
    return dict(appearances)


def _is_brief(analysis: VideoAnalysis, person: int, first: int, last: int) -> bool:
    """Whether what is taken for a face from one frame to another is hardly one."""
    if analysis.seconds[last] - analysis.seconds[first] > BRIEF_SECONDS:
        return False
    found = [face for index in range(first, last + 1) for face in analysis.faces[index] if face.track == person]
    return all(face.landmarks is None and face.score < BRIEF_SCORE for face in found)


def _seconds_unseen(analysis: VideoAnalysis, person: int, first: int) -> float:
    """For how long a face that is seen first in that frame may have been there for a search from all sides only, or
    for a search turned, if that is how it was found."""
    before = next((index for index in reversed(analysis.wide) if index < first), None)
    if before is None:
        return 0.0
    for index in range(first, min(first + FOLLOWED_BACK_FRAMES + 1, len(analysis.faces))):
        if analysis.shots[index] != analysis.shots[first]:
            break
        if index in analysis.wide or any(
            face.track == person and face.box.angle_degrees != 0 for face in analysis.faces[index]
        ):
            return analysis.seconds[first] - analysis.seconds[before]
    return 0.0


def _near(analysis: VideoAnalysis, start: int, step: int, margin_seconds: float) -> Iterator[int]:
    """The frames of the same shot within that time, going away from `start`."""
    index = start + step
    while (
        0 <= index < len(analysis.seconds)
        and analysis.shots[index] == analysis.shots[start]
        and abs(analysis.seconds[index] - analysis.seconds[start]) <= margin_seconds
    ):
        yield index
        index += step
