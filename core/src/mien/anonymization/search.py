"""How faces are searched where none may be missed: an image from several sides, of a video some frames in full.

Training needs good faces, anonymizing all of them. So whatever may be a face counts, down to scores at which most finds
are none: what is surely a face is drawn anew, the rest is hidden (`SURELY_A_FACE`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.linking import LinkedFrames, Linker, SearchedFrame
from mien.anonymization.region import FACE_REACH, Region
from mien.anonymization.views import EDGES, View, joined, without_known, without_repeated
from mien.contracts.extractor import Extractor
from mien.contracts.face import SURELY_A_FACE, Box, Face, RgbImage
from mien.errors import MienError
from mien.geometry.boxes import is_same_face, longer_side, shared_area, upright
from mien.geometry.closeup import found_in_closeup
from mien.geometry.pixel_shape import in_stored_pixels
from mien.inference.detector import FaceDetector
from mien.media.video_reader import Frame, VideoSource
from mien.plugins.choice import parse_choices
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.registry import Registry
from mien.tracking.shots import frame_signature, is_cut
from mien.workers.threads import ahead_of, ordered_map, prefetched

Search = Literal["fast", "thorough"]
THOROUGH = "thorough"
"""Extractors that have a preset of this name search by default when people are anonymized, with that preset."""

QUICK = "quick"
"""Those that have a preset of this name look at every frame with it where faces are only hidden."""

ENLARGED = 1.5
"""An image is searched enlarged so many times, for faces of 10 to 14 px,"""
ENLARGED_SIDE_PX = {"image": 2880, "frame": 1920}
"""but not to a longer side above that."""
TURNED_SIDE_PX = {"image": 1280, "frame": 640}
"""Longer side of the image that is searched turned by quarter turns, at most."""
MIRRORED = 0.1
"""So much of its shorter side an image goes on beyond its border, mirrored: of a face that the border cuts through, the
mirror completes the half that is there."""
LARGE_SIDE_PX = 6000
"""An image with a longer side above that is not searched mirrored as a whole, but smaller, and in strips"""
STRIP_PX, BEYOND_PX = 640, 160
"""that reach so far into the image, and so far beyond its border: larger faces are seen in the smaller view."""
MIRRORED_IN_FRAMES = 0.03
"""The same for the frames of a video that are searched in full."""
TURNED_IN_FRAMES = 0.7
"""These are also searched turned, so many times as large: faces from 20 px on are found on their side,"""
LEAST_TURNED_SCORE = 0.6
"""if they have this score in a look closer, too."""
CLOSER = 1.0
"""That look shows so many times the face's size around it on each side,"""
CLOSER_SIZES_PX = (48, 64)
"""laid level, at a size within these."""
UNLIKELY_FROM_PX, LEAST_UNMEASURED_SCORE = 20.0, 0.8
"""In an image, what lies at a sure face and cannot be measured is none if it is so large, lies within the image, and
has no such score in a closer look: faces of that size can be measured, whichever way turned, but for those that the
border cuts through. Without this, such finds, of hair, collars and lamps, hid the faces of 21 of 120 portraits, and
with it 9 (core/bench/recall.py)."""
LARGER_SIZES_PX = (96, 128)
"""A second closer look, of which the better one counts."""
TURNS_IN_ORDER: tuple[Sequence[int], ...] = ((), (1,), (3,), (), (2,))
"""In which quarter turns, counterclockwise: one frame in the first of these, the next in the second, and so on."""
ALL_TURNS = (1, 2, 3)

SECONDS_BETWEEN_SEARCHES = 0.34
"""Frames of a video that are searched in full are no further apart,"""
MAX_FRAMES_BETWEEN_SEARCHES = 10
"""nor more than so many frames."""
WIDE_EVERY = 15
"""Each so many-th of these is also searched enlarged, turned, and by all extractors."""
FRAMES_AHEAD = 4


def default_extractors(registry: Registry) -> str:
    """What searches when people are anonymized and nothing was chosen, as an extractor choice.

    Those that have a preset "thorough", those first that find without measuring; without any, the installed default.
    """
    able: list[tuple[bool, str]] = []
    for name in registry.names("extractor"):
        try:
            extractor = cast(type[Extractor], registry.load("extractor", name))
        except MienError:  # a broken plugin is listed with its reason; it does not take part
            continue
        if THOROUGH in extractor.Config.presets and extractor.can_find():
            able.append((extractor.can_measure(), name))
    return "+".join(f"{name}:preset={THOROUGH}" for _, name in sorted(able)) or registry.default("extractor")


def follower_of(choice: str, registry: Registry, *, exact: bool = True) -> str | None:
    """The extractor of a choice that looks at every frame and measures faces: the first that can do both; else None.

    One with the preset "thorough" does so with its default settings, or with its preset "quick", if it has one, where
    landmarks need not be exact. Raises MienError for an unknown extractor.
    """
    for one in parse_choices(choice):
        extractor = cast(type[Extractor], registry.load("extractor", one.name))
        if extractor.can_find() and extractor.can_measure():
            if one.settings != {"preset": THOROUGH}:
                return str(one)
            is_quick = not exact and QUICK in extractor.Config.presets
            return f"{one.name}:preset={QUICK}" if is_quick else one.name
    return None


def search_image(image: RgbImage, extractors: ExtractorSet, kind: Literal["image", "frame"] = "image") -> list[Face]:
    """All that may be a face in an image, surest first; with landmarks where they can be measured.

    image: uint8 (H, W, 3) of square pixels. All extractors search it as it is. The first of them searches it enlarged
    (`ENLARGED`) and mirrored at its border, and turned by 90, 180 and 270 degrees; a face that is found lying has a box
    with an angle. kind: a frame is one of many, and large ones are enlarged less. What is next to a sure face and
    unlikely to be one is left out, see `LEAST_UNMEASURED_SCORE`. Raises MienError for a fault of a plugin.
    """
    found = (view.find(extractors.find_by_first) for view in _views(image, kind))
    faces = reduce(joined, found, extractors.extract(image))
    measured = without_repeated(extractors.measure(image, faces))
    return sorted(_without_unlikely(image, measured, extractors), key=lambda face: -face.score)


def _without_unlikely(image: RgbImage, faces: Sequence[Face], extractors: ExtractorSet) -> list[Face]:
    sure = [face for face in faces if face.score >= SURELY_A_FACE and face.landmarks is not None]
    whole = Box(0, 0, image.shape[1], image.shape[0])

    def is_unlikely(face: Face) -> bool:
        box = upright(face.box)
        if face.landmarks is not None or longer_side(box) < UNLIKELY_FROM_PX or shared_area(box, whole) < box.area:
            return False
        around = Region.around(box, FACE_REACH).box
        return any(shared_area(around, one.box) > 0 for one in sure) and not any(
            other.score >= LEAST_UNMEASURED_SCORE and is_same_face(other.box, face.box)
            for sizes_px in (CLOSER_SIZES_PX, LARGER_SIZES_PX)
            for other in found_in_closeup(image, face, extractors.find_by_first, margin=CLOSER, sizes_px=sizes_px)
        )

    return [face for face in faces if not is_unlikely(face)]


def _views(image: RgbImage, kind: Literal["image", "frame"]) -> Iterator[View]:
    """One at a time. A whole view of a large image would take more memory than the image does: there, what the border
    cuts through is searched in a smaller view, and in strips along the border at full size."""
    longer = max(image.shape[:2])
    if longer <= LARGE_SIDE_PX:
        yield View.of(image, max(1.0, min(ENLARGED, ENLARGED_SIDE_PX[kind] / longer)), mirrored=MIRRORED)
    else:
        yield View.of(image, ENLARGED_SIDE_PX[kind] / longer, mirrored=MIRRORED)
        if min(image.shape[:2]) > STRIP_PX:
            for edge in EDGES:
                yield View.along(edge, image, STRIP_PX, BEYOND_PX)
    for turns in (1, 2, 3):
        yield View.of(image, min(1.0, TURNED_SIDE_PX[kind] / longer), quarter_turns=turns)


def search_frame(image: RgbImage, extractors: ExtractorSet) -> list[Face]:
    """What may be a face, as the first extractor finds it at full size, with the image mirrored at its border."""
    return View.of(image, 1.0, mirrored=MIRRORED_IN_FRAMES).find(extractors.find_by_first)


def search_turned(
    image: RgbImage, extractors: ExtractorSet, turns: int, known: Sequence[Face] = (), scale: float = TURNED_IN_FRAMES
) -> list[Face]:
    """What is a face in a frame turned by quarter turns counterclockwise: found there by the first extractor, so many
    times as large, and once more in a look closer, whose score it has.

    known: faces of the image; of them, those that are sure are not found again, nor are parts of them. A turned view
    makes faces of more than an upright one does; looked at closer, these are none.
    """
    found = View.of(image, scale, quarter_turns=turns).find(extractors.find_by_first)
    faces: list[Face] = []
    for face in without_known(found, known):
        closer = found_in_closeup(image, face, extractors.find_by_first, margin=CLOSER, sizes_px=CLOSER_SIZES_PX)
        there = [other for other in without_known(closer, known) if is_same_face(other.box, face.box)]
        score = max((other.score for other in there), default=0.0)
        if score >= LEAST_TURNED_SCORE:
            faces.append(replace(face, score=score))
    return faces


@dataclass(frozen=True, slots=True)
class FaceSearch:
    """Searches images and videos for all that may be faces."""

    detector: FaceDetector
    """What searches in full."""
    follower: FaceDetector | None
    """What looks at every frame and measures faces, see `follower_of`."""
    mode: Search
    threads: int
    exact: bool
    """Whether the follower looks at every frame; else at every other one."""

    @classmethod
    def open(
        cls, detector: FaceDetector, mode: Search, threads: int, registry: Registry, *, exact: bool = True
    ) -> "FaceSearch":
        """Make the follower of a detector. Raises MienError as `FaceDetector.open`.

        exact: whether landmarks have to be, since an expression is drawn by them.
        """
        choice = follower_of(detector.choice, registry, exact=exact)
        follower = FaceDetector.open(choice, threads, detector.clock, registry) if choice else None
        return cls(detector, follower, mode, threads, exact)

    def image(self, image: RgbImage) -> list[Face]:
        """See `search_image`. May be called by several threads."""
        with self.detector.borrowed() as extractors, self.detector.clock.running("extract"):
            return search_image(image, extractors)

    @contextmanager
    def video(
        self, video: VideoSource, linked: LinkedFrames | None = None
    ) -> Iterator[Iterator[tuple[SearchedFrame, list[Face]]]]:
        """The frames of a video with all that may be faces in them, in pixels of the frame; in several threads.

        linked: what is known of it by now, to go on after; None: nothing. It can be saved between two frames.

        What is guaranteed, of what the extractors can see:

        - Frames no further apart than `SECONDS_BETWEEN_SEARCHES`, and the two at each cut, are searched in full; every
          fifteenth of them, and those after cuts, as single images are. In mode "thorough" every frame is searched in
          full.
        - Of these the others are searched turned, too: of five that follow each other, one by 90 degrees, one by 270,
          one by 180; the last one of a shot by all three.
        - All others are looked at by the follower; where faces are only hidden, every other one, and in those between a
          face is taken to lie between its places in the frames beside.
        - A face that was found in a frame is searched in the next and in the one before, measured at its place or
          searched around it, until it is not found there any more.
        - Where a sure face is not found any more, or a new one is found that was not there before, the frames between
          the two full searches around are searched in full, and faces followed from there once more.

        So what a full search sees for `SECONDS_BETWEEN_SEARCHES` is found, with the frames before and after in which it
        is found around its place. What can be missed in mode "fast" is a face that is there for a shorter time and that
        the follower does not see.
        """
        linked = linked or LinkedFrames()
        with (
            closing(
                prefetched(self.detector.clock.over("decode", video.frames(linked.frames_in)), FRAMES_AHEAD)
            ) as decoded,
            closing(
                ordered_map(
                    self._looked_at,
                    _tasks(decoded, video, self.mode, linked.last_signature, exact=self.exact),
                    self.threads,
                    ahead_of(video.frame_bytes, self.threads),
                )
            ) as looked_at,
        ):
            linker = Linker(self._search_in_full, self._find, self.measure, self.threads)
            yield (_in_stored_pixels(seen, float(video.pixel_shape)) for seen in linker.over(looked_at, linked))

    def _looked_at(self, task: "_Task") -> SearchedFrame:
        seen = SearchedFrame(task.frame, task.signature, task.pixel_shape, task.begins_shot, task.in_full)
        seen.is_wide, seen.is_looked_at = task.wide, task.in_full or task.look
        if self.follower is not None and seen.is_looked_at:
            seen.faces = list(self.follower.find(seen.view))
        if task.in_full:
            self._search_in_full(seen, wide=task.wide, turns=task.turns)
        return seen

    def _search_in_full(self, seen: SearchedFrame, *, wide: bool = False, turns: Sequence[int] = ()) -> int:
        """Add what a full search finds beside what is known. Returns how many faces came in."""
        found = self._search_wide(seen.view) if wide else self._by_one(search_frame, seen.view)
        before = len(seen.faces)
        faces = joined(seen.faces, found)
        if wide and TURNED_SIDE_PX["frame"] < max(seen.view.shape[:2]):
            turns = ALL_TURNS  # the turned views were smaller
        scale = TURNED_IN_FRAMES if len(turns) < len(ALL_TURNS) else 1.0
        for each in turns:
            look = partial(search_turned, turns=each, known=faces, scale=scale)
            faces = joined(faces, self._by_one(look, seen.view))
        seen.faces = without_repeated(self.measure(seen.view, faces))
        seen.is_searched = True
        return len(seen.faces) - before

    def _search_wide(self, image: RgbImage) -> list[Face]:
        """`search_image` of a frame, its views in several threads: no frame after it goes out before it."""
        faces = self._by_one(lambda image, extractors: extractors.extract(image), image)
        views = _views(image, "frame")
        with closing(ordered_map(lambda view: view.find(self._find), views, self.threads, self.threads)) as found:
            faces = reduce(joined, found, faces)
        faces = self._by_one(lambda image, extractors: extractors.measure(image, faces), image)
        return sorted(without_repeated(faces), key=lambda face: -face.score)

    def _find(self, image: RgbImage) -> list[Face]:
        return self._by_one(lambda image, extractors: extractors.find_by_first(image), image)

    def _by_one(self, looks: Callable[[RgbImage, ExtractorSet], list[Face]], image: RgbImage) -> list[Face]:
        with self.detector.borrowed() as extractors, self.detector.clock.running("extract"):
            return looks(image, extractors)

    def measure(self, view: RgbImage, faces: Sequence[Face]) -> list[Face]:
        """The same faces, with landmarks where they can be measured. May be called by several threads."""
        if all(face.landmarks is not None for face in faces):
            return list(faces)
        detector = self.follower or self.detector
        with detector.borrowed() as extractors, detector.clock.running("extract"):
            return extractors.measure(view, faces)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be looked for in a frame."""

    frame: Frame
    signature: NDArray[np.int16]
    pixel_shape: float
    begins_shot: bool
    look: bool
    in_full: bool
    wide: bool
    turns: Sequence[int]
    """In which quarter turns it is searched, too."""


def _tasks(
    frames: Iterable[Frame], video: VideoSource, search: Search, before: NDArray[np.int16] | None, *, exact: bool
) -> Iterator[_Task]:
    """before: the signature of the frame before the first of these; None: there is none."""
    every = max(1, min(round(float(video.rate) * SECONDS_BETWEEN_SEARCHES), MAX_FRAMES_BETWEEN_SEARCHES))
    shape = float(video.pixel_shape)
    waiting: _Task | None = None
    last = len(video.frame_times()) - 1
    for frame in frames:
        signature = frame_signature(frame.image)
        begins = before is None or video.is_paged or is_cut(before, signature)
        before = signature
        if waiting is not None:
            ends = replace(waiting, in_full=True, turns=() if waiting.wide else ALL_TURNS)
            yield ends if begins else waiting
        is_last = frame.index == last
        in_full = begins or is_last or search == "thorough" or frame.index % every == 0
        wide = begins or frame.index % (every * WIDE_EVERY) == 0
        number = frame.index if search == "thorough" else frame.index // every
        waiting = _Task(
            frame,
            signature,
            shape,
            begins,
            look=exact or frame.index % 2 == 0,
            in_full=in_full,
            wide=wide,
            turns=() if wide or not in_full else ALL_TURNS if is_last else _turns(number),
        )
    if waiting is not None:
        yield waiting


def _turns(number: int) -> Sequence[int]:
    """In which quarter turns the so many-th frame that is searched in full is searched, too; number 0 is wide."""
    return TURNS_IN_ORDER[(number % WIDE_EVERY - 1) % len(TURNS_IN_ORDER)]


def _in_stored_pixels(seen: SearchedFrame, pixel_shape: float) -> tuple[SearchedFrame, list[Face]]:
    faces = [in_stored_pixels(face, pixel_shape) for face in seen.faces]
    return seen, sorted(faces, key=lambda face: -face.score)
