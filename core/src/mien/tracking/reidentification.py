"""Which tracklets of a video are the same person: a face that was lost and comes back is nobody new."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer

Encodings = NDArray[np.float32]
"""float32 (K, D): K detections of one tracklet."""

MOST_COMPARED = 30
"""Of more detections of a person than this, as many spread over them are compared."""


def is_encoded(detection: int) -> bool:
    """Whether a face is encoded at its detection of that number: 0, 3, 6, 12, 24, …, ever more rarely."""
    third, rest = divmod(detection, 3)
    return rest == 0 and third & (third - 1) == 0


def joined_by_encodings(
    frames: Mapping[int, set[int]], encodings: Mapping[int, Encodings], recognizer: Recognizer
) -> dict[int, int]:
    """Join tracklets to people by how near their encodings lie; nearest pairs first.

    frames: tracklet → the frames it is seen in; those that are seen together are not the same person. encodings:
    tracklet → those of its detections; a tracklet without any is a person of its own.
    Two are joined if the median of the distances between all their detections is below `same_person_below`; as joined
    people grow, all of them count.
    Returns tracklet → person, numbered in the order in which they appear.
    """

    def fit(one: Sequence[int], other: Sequence[int]) -> bool:
        near = _median_distance(_some(encodings, one), _some(encodings, other), recognizer)
        return near < recognizer.same_person_below

    return _joined(frames, [pair for _, pair in sorted(_near_pairs(frames, encodings, recognizer))], fit)


def joined_by_place(frames: Mapping[int, set[int]], rejoined: Mapping[int, int]) -> dict[int, int]:
    """Join each tracklet to the earlier one that it was taken for by its place (`TrackGaps.rejoined`)."""
    return _joined(frames, sorted((earlier, later) for later, earlier in rejoined.items()), lambda one, other: True)


def _joined(
    frames: Mapping[int, set[int]],
    pairs: Iterable[tuple[int, int]],
    fit: Callable[[Sequence[int], Sequence[int]], bool],
) -> dict[int, int]:
    group = {tracklet: [tracklet] for tracklet in frames}
    seen = {tracklet: set(shown) for tracklet, shown in frames.items()}
    for one, other in pairs:
        first, second = group[one], group[other]
        if first is second or not seen[first[0]].isdisjoint(seen[second[0]]) or not fit(first, second):
            continue
        seen[first[0]] |= seen[second[0]]
        first += second
        for tracklet in second:
            group[tracklet] = first
    people: dict[int, int] = {}
    for tracklet in sorted(frames, key=lambda tracklet: (min(frames[tracklet]), tracklet)):
        leader = group[tracklet][0]
        people[leader] = people.get(leader, len(people))
    return {tracklet: people[group[tracklet][0]] for tracklet in frames}


def _near_pairs(
    frames: Mapping[int, set[int]], encodings: Mapping[int, Encodings], recognizer: Recognizer
) -> Iterator[tuple[float, tuple[int, int]]]:
    """Pairs of tracklets that may be one person, with their distance."""
    tracklets = [tracklet for tracklet in frames if len(encodings.get(tracklet, ()))]
    if not tracklets:
        return
    starts = np.cumsum([0, *(len(encodings[tracklet]) for tracklet in tracklets)])
    together = np.concatenate([encodings[tracklet] for tracklet in tracklets])
    for number, tracklet in enumerate(tracklets):
        distances = np.stack([recognizer.distances(together, encoding) for encoding in encodings[tracklet]])
        nearest = np.minimum.reduceat(distances.min(0), starts[:-1])
        for other in np.flatnonzero(nearest < recognizer.same_person_below):
            if other > number and frames[tracklet].isdisjoint(frames[tracklets[other]]):
                middle = float(np.median(distances[:, starts[other] : starts[other + 1]]))
                if middle < recognizer.same_person_below:
                    yield middle, (tracklet, tracklets[other])


def _some(encodings: Mapping[int, Encodings], tracklets: Sequence[int]) -> Encodings:
    together = np.concatenate([encodings[tracklet] for tracklet in tracklets])
    chosen: Encodings = together[spread_indices(len(together), MOST_COMPARED)]
    return chosen


def _median_distance(one: Encodings, other: Encodings, recognizer: Recognizer) -> float:
    return float(np.median([recognizer.distances(one, encoding) for encoding in other]))


def seen_in(faces_of_frames: Iterable[Sequence[int]]) -> dict[int, set[int]]:
    """Tracklet → the frames it is seen in, from the tracklets that each frame shows."""
    frames: defaultdict[int, set[int]] = defaultdict(set)
    for index, tracklets in enumerate(faces_of_frames):
        for tracklet in tracklets:
            frames[tracklet].add(index)
    return dict(frames)
