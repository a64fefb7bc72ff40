"""Whether what was written still shows somebody: a face that nobody hid, or one that is still taken for who it was."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.analysis import encode_landmarks
from mien.anonymization.methods import Methods
from mien.anonymization.region import Region
from mien.anonymization.search import SECONDS_BETWEEN_SEARCHES, THOROUGH, FaceSearch
from mien.contracts.extractor import Extractor
from mien.contracts.face import Box, Face, Landmarks, RgbImage
from mien.errors import MienError
from mien.geometry.boxes import SAME_FACE_SHARE, is_same_face, shared_area, upright
from mien.geometry.pixel_shape import in_stored_pixels
from mien.inference.detector import FaceDetector
from mien.media.video_reader import Frame, VideoSource
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry
from mien.spread import spread_indices
from mien.tracking.recognizer import Recognizer
from mien.tracking.tracker import TrackedFace

FRAMES_CHECKED = 50
"""At most this many frames of a file, spread over it."""
HIDDEN_COMPARED = 10
"""In at most this many frames of a file hidden faces are compared with the original ones, if all are only hidden: a few
colors are what they are in each."""
HIDDEN_LIMIT = 0.9
"""They count as the original ones below this share of the recognizer's limit: a head under one color alone, by which
nobody is known, lies at the limit itself for some people (`solid`, two of 34 clips, 0.60 and 0.63 of 0.6)."""
CHECK = "check"
"""An extractor that has a preset of this name searches with it in what was written."""
_ROUNDING_SECONDS = 0.01
"""Containers round the times of frames: so much less apart is as far."""
_FRAMES_READ_ON = 250
"""Frames nearer to each other than this are read in one go: a seek would decode as many."""


def distances_to_originals(
    image: RgbImage,
    faces: Sequence[TrackedFace],
    originals: Sequence[NDArray[np.float32]],
    search: FaceSearch,
    methods: Methods,
    recognizer: Recognizer,
) -> list[float]:
    """How far the faces of an image lie from the original ones.

    image: uint8 (H, W, 3), as it is shown. faces: the N faces that were drawn, all with landmarks. originals: their
    encodings, float32 (D,), before they were drawn. Raises MienError if a plugin fails.
    """
    return distances_of_measured(image, measured_again(image, faces, search, methods), originals, recognizer)


def measured_again(
    image: RgbImage, faces: Sequence[TrackedFace], search: FaceSearch, methods: Methods
) -> list[Landmarks]:
    """The landmarks of N faces, float32 (68, 2), measured anew at their places in an image that was written.

    Of one that was only hidden, or cannot be measured, they are its own: what they surround is compared, as somebody
    would who knows the place. May be called by several threads.
    """
    drawn = [number for number, face in enumerate(faces) if not methods.hide(face)]
    bare = [Face(faces[number].box, None, faces[number].score) for number in drawn]
    measured = dict(zip(drawn, search.measure(image, bare) if bare else (), strict=True))
    return [_landmarks(measured.get(number), face) for number, face in enumerate(faces)]


def distances_of_measured(
    image: RgbImage,
    landmarks: Sequence[Landmarks],
    originals: Sequence[NDArray[np.float32]],
    recognizer: Recognizer,
) -> list[float]:
    """How far the faces of an image, by their landmarks, lie from their original encodings."""
    if not landmarks:
        return []
    encodings = encode_landmarks(recognizer, image, landmarks)
    return [
        float(recognizer.distances(encoding[None], original)[0])
        for encoding, original in zip(encodings, originals, strict=True)
    ]


def frames_searched(frames: Sequence[int], seconds: Sequence[float], shots: Sequence[int]) -> list[int]:
    """Which frames of a video that was written are searched, of those that may be: ascending.

    The first of each shot and others as far apart as full searches of the original are, and the last; if these are more
    than `FRAMES_CHECKED`, so many that are spread evenly. frames: numbers of frames, ascending. seconds, shots: when
    each frame of the video is shown, and which shot it belongs to.
    """
    chosen = list(frames[:1])
    for index in frames:
        apart = seconds[index] - seconds[chosen[-1]]
        if shots[index] != shots[chosen[-1]] or apart >= SECONDS_BETWEEN_SEARCHES - _ROUNDING_SECONDS:
            chosen.append(index)
    chosen = sorted({*chosen, *frames[-1:]})
    if len(chosen) <= FRAMES_CHECKED:
        return chosen
    return [frames[at] for at in spread_indices(len(frames), FRAMES_CHECKED)]


def frames_again(written: VideoSource, video: VideoSource, indices: Sequence[int]) -> Iterator[Frame]:
    """The frames of a video that was written, numbered as those of the video that it was made of; indices ascend.

    What writes animated images joins successive frames that are alike: then one is shown at the time of several.
    Raises MienError if one of them does not come: what nobody has looked at is not shown.
    """
    places = _places_in(written, video)
    at: dict[int, list[int]] = {}
    for index in indices:
        at.setdefault(places[index], []).append(index)
    for frame in frames_at(written, list(at)):
        yield from (replace(frame, index=index) for index in at.pop(frame.index))
    if at:
        first = next(iter(at.values()))[0]
        raise MienError(
            f"{video.path}: frame {first} of what was made of it cannot be read again, and so not be checked; nothing "
            "was written.",
            "Write another format: .mp4, .mkv or .webm of a video, .png or .webp of an animation.",
        )


def _places_in(written: VideoSource, video: VideoSource) -> list[int]:
    """For each frame of a video, the number of the written one that shows it."""
    before, after = video.frame_times(), written.frame_times()
    if len(before) == len(after) or not after:
        return list(range(len(before)))
    shown = [(time - after[0]) * written.time_base for time in after]
    return [max(bisect_right(shown, (time - before[0]) * video.time_base) - 1, 0) for time in before]


def frames_at(video: VideoSource, indices: Sequence[int]) -> Iterator[Frame]:
    """Those frames of a video; indices ascend."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index - runs[-1][-1] < _FRAMES_READ_ON:
            runs[-1].append(index)
        else:
            runs.append([index])
    for run in runs:
        yield from video.frames(run[0], run[-1] + 1, only=frozenset(run))


@dataclass(frozen=True, slots=True)
class LeakSearch:
    """Searches what was written for faces that are still there."""

    detector: FaceDetector
    notes: tuple[str, ...] = ()
    """Why it may find less than it could, as whole sentences."""

    @classmethod
    def open(cls, search: FaceSearch, registry: Registry) -> "LeakSearch":
        """With all installed extractors that took no part; if all did, with those that did.

        Raises MienError if one cannot be made.
        """
        took_part = {choice.name for choice in parse_choices(search.detector.choice)}
        others = [name for name in registry.names("extractor") if name not in took_part]
        usable, notes = [], []
        for name in others:
            try:
                usable += _choices_of(name, registry)
            except MienError as error:
                notes.append(f"The extractor {name} was left out of the check: {error.message}")
        if usable:
            detector = FaceDetector.open("+".join(usable), search.threads, search.detector.clock, registry)
            return cls(detector, tuple(notes))
        names = sorted(took_part)
        notes.append(
            f"{' and '.join(names)} took part in making the output: what {'they' if len(names) > 1 else 'it'} missed "
            f"then, {'they miss' if len(names) > 1 else 'it misses'} again."
        )
        return cls(search.detector, tuple(notes))

    def leaks(
        self, image: RgbImage, known: Sequence[TrackedFace], hidden: Sequence[Region], pixel_shape: float = 1.0
    ) -> list[Box]:
        """Where a written image shows a face that is neither one that is known nor hidden.

        image: uint8 (H, W, 3), in square pixels. known: the faces of the image before, all of which were drawn, hidden,
        or kept by choice. hidden: what of it is hidden. pixel_shape: that of the video before, in whose pixels both
        are, and what is returned. Raises MienError if a plugin fails.
        """
        located = self.detector.locate(image)
        found = [in_stored_pixels(face, pixel_shape).box for face in located]
        places = [*(face.extent for face in known), *(region.box for region in hidden)]
        return [box for box in found if not any(_explains(place, box) for place in places)]


def _choices_of(name: str, registry: Registry) -> list[str]:
    """How an extractor looks in a check; nothing if it finds nothing by itself.

    Raises MienError if it cannot be used.
    """
    extractor = cast(Extractor, registry.create("extractor", name))
    if not extractor.can_find():
        return []
    preset = next((one for one in (CHECK, THOROUGH) if one in type(extractor).Config.presets), None)
    return [f"{name}:preset={preset}" if preset else name]


def _explains(place: Box, found: Box) -> bool:
    """Whether a find lies on what stands at a place: the same face, or mostly within it."""
    return is_same_face(place, found) or shared_area(place, found) >= SAME_FACE_SHARE * upright(found).area


def _landmarks(measured: Face | None, face: TrackedFace) -> Landmarks:
    landmarks = face.landmarks if measured is None or measured.landmarks is None else measured.landmarks
    if landmarks is None:
        raise ValueError("a face without landmarks was not drawn, and is not compared")
    return landmarks
