"""Who the faces of a dataset are, and which of a video are one face: told of the finished index, so that it does not
matter how the work was shared out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mien.spread import spread
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import MOST_COMPARED, Encodings, joined_by_encodings

MAX_GAP_FRAMES = 5
"""A face that is missing in so many frames at most is still followed."""
LEAST_OVERLAP = 0.3
"""Boxes of one face in two frames overlap by this share of their union at least."""
_JOINED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _Followed:
    track: int
    frame: int
    box: NDArray[np.float64]


def follow_boxes(kept: pa.Table) -> NDArray[np.int64]:
    """Which face of its video each row is: int64 (N,), numbered in the order in which they begin; −1 of images.

    kept: the columns source, frame and box of the N faces, in the order of the index. From frame to frame a face goes
    on as the one whose box it overlaps most, pairs that overlap most first; with less than `LEAST_OVERLAP`, or after
    more than `MAX_GAP_FRAMES` frames without it, it is another.
    """
    sources, frames = kept["source"].to_pylist(), kept["frame"].to_pylist()
    boxes = [np.array(box) for box in kept["box"].to_pylist()]
    tracks = np.full(len(sources), -1, np.int64)
    begun = 0
    for _, rows_of_source in groupby(range(len(sources)), key=sources.__getitem__):
        active: list[_Followed] = []
        for frame, rows_of_frame in groupby(rows_of_source, key=frames.__getitem__):
            if frame is None:
                continue
            rows = list(rows_of_frame)
            active = [last for last in active if frame - last.frame <= MAX_GAP_FRAMES + 1]
            going_on = _matched([boxes[row] for row in rows], active)
            for number, row in enumerate(rows):
                if number in going_on:
                    tracks[row] = going_on[number]
                else:
                    tracks[row], begun = begun, begun + 1
            present = {int(tracks[row]) for row in rows}
            active = [last for last in active if last.track not in present]
            active += [_Followed(int(tracks[row]), frame, boxes[row]) for row in rows]
    return tracks


def people_of_folders(sources: Sequence[str], roots: Sequence[str] | None) -> list[str | None]:
    """Whose each source is: the subfolder's name, of the uppermost one; None if it is in none.

    sources: as the index names them. roots: the files and folders that they were found in; None: DATASET/raw.
    """
    person_of = {source: _subfolder(PurePath(source), roots) for source in dict.fromkeys(sources)}
    return [person_of[source] for source in sources]


def people_by_encodings(
    kept: pa.Table, tracks: NDArray[np.int64], encodings: NDArray[np.float32], recognizer: Recognizer
) -> list[str]:
    """Who each face is, as far as the recognizer tells: "person1", "person2", … in the order of their first faces.

    kept, tracks: as `follow_boxes` has them. encodings: float32 (N, D), the recognizer's. Faces of one track are one
    person, faces of one image are not; beyond that, as `joined_by_encodings`.
    """
    if not len(tracks):
        return []
    single = np.arange(len(tracks)) + int(tracks.max()) + 1
    tracklets = np.where(tracks >= 0, tracks, single)
    images = _numbered(list(zip(kept["source"].to_pylist(), kept["frame"].to_pylist(), strict=True)))
    rows_of: dict[int, list[int]] = {}
    for row, tracklet in enumerate(tracklets.tolist()):
        rows_of.setdefault(tracklet, []).append(row)
    frames = {tracklet: {images[row] for row in rows} for tracklet, rows in rows_of.items()}
    person_of = _joined(frames, {tracklet: encodings[_some(rows)] for tracklet, rows in rows_of.items()}, recognizer)
    return [f"person{person_of[tracklet] + 1}" for tracklet in tracklets.tolist()]


def _joined(
    frames: Mapping[int, set[int]], encodings: Mapping[int, Encodings], recognizer: Recognizer
) -> dict[int, int]:
    """`joined_by_encodings`, of many first some at a time: the pairs to compare grow with their square."""
    leader_of: dict[int, int] = {}
    for some in _blocks(list(frames)):
        people = joined_by_encodings({t: frames[t] for t in some}, encodings, recognizer)
        leaders: dict[int, int] = {}
        for tracklet in some:
            leader_of[tracklet] = leaders.setdefault(people[tracklet], tracklet)
    groups: dict[int, list[int]] = {}
    for tracklet, leader in leader_of.items():
        groups.setdefault(leader, []).append(tracklet)
    if len(frames) <= _JOINED_AT_ONCE:
        number = {leader: index for index, leader in enumerate(groups)}
        return {tracklet: number[leader] for tracklet, leader in leader_of.items()}
    of_group = {leader: np.concatenate([encodings[t] for t in members]) for leader, members in groups.items()}
    people = joined_by_encodings(
        {leader: set().union(*(frames[t] for t in members)) for leader, members in groups.items()},
        {leader: values[_some(range(len(values)))] for leader, values in of_group.items()},
        recognizer,
    )
    return {tracklet: people[leader] for tracklet, leader in leader_of.items()}


def _some(rows: Sequence[int]) -> NDArray[np.int64]:
    return spread(np.asarray(rows, np.int64), MOST_COMPARED)


def _blocks(tracklets: list[int]) -> Iterator[list[int]]:
    return (tracklets[start : start + _JOINED_AT_ONCE] for start in range(0, len(tracklets), _JOINED_AT_ONCE))


def _numbered(images: Sequence[tuple[str, int | None]]) -> list[int]:
    number = {image: index for index, image in enumerate(dict.fromkeys(images))}
    return [number[image] for image in images]


def _matched(boxes: Sequence[NDArray[np.float64]], active: Sequence[_Followed]) -> dict[int, int]:
    """Number of a box → track that it goes on with."""
    pairs = [
        (-overlap, number, last.track)
        for number, box in enumerate(boxes)
        for last in active
        if (overlap := _overlap(box, last.box)) >= LEAST_OVERLAP
    ]
    track_of: dict[int, int] = {}
    for _, number, track in sorted(pairs):
        if number not in track_of and track not in track_of.values():
            track_of[number] = track
    return track_of


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes: left, top, right, bottom."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    if (sides <= 0).any():
        return 0.0
    common = float(np.prod(sides))
    return common / (float(np.prod(first[2:] - first[:2])) + float(np.prod(second[2:] - second[:2])) - common)


def _subfolder(source: PurePath, roots: Sequence[str] | None) -> str | None:
    if roots is None:
        within = source
    else:
        root = next((root for root in roots if source != PurePath(root) and source.is_relative_to(root)), None)
        if root is None:
            return None
        within = source.relative_to(root)
    return within.parts[0] if len(within.parts) > 1 else None
