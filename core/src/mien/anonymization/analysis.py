"""The first pass over a video, before anything is drawn: who is where in which frame, and where a face is lost.

Of each frame only boxes and points are kept, about 2 kB a face, so that memory does not grow with the images.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.linking import LinkedFrames, SearchedFrame
from mien.anonymization.search import FaceSearch
from mien.contracts.face import Face, Landmarks, RgbImage
from mien.geometry.alignment import align
from mien.inference.session import Session
from mien.inference.square_pixels import as_shown
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import is_encoded, joined_by_encodings, joined_by_place, seen_in
from mien.tracking.shots import shots_of
from mien.tracking.track_gaps import TrackGaps
from mien.tracking.tracker import KEPT, TrackedFace, Tracker
from mien.workers.threads import ahead_of, ordered_map

Encoding = NDArray[np.float32]
"""float32 (D,)."""


@dataclass(frozen=True, slots=True)
class VideoAnalysis:
    """What each frame of a video shows, in order."""

    seconds: Sequence[float]
    """When each frame is shown."""
    shots: Sequence[int]
    """Which shot each frame belongs to, ascending."""
    faces: Sequence[Sequence[TrackedFace]]
    """Of each frame; `TrackedFace.track` is the number of the person, from 0."""
    people: int
    """How many people were told apart."""
    encodings: Mapping[int, Mapping[int, Encoding]]
    """Frame → person → their encoding, of some frames; empty without a recognizer."""
    partial: Sequence[int]
    """Frames that show a face, but not one, surely a face, that is seen before and after them in that shot; ascending.
    """
    wide: Sequence[int] = ()
    """Frames that were searched from all sides, as an image is; ascending."""

    def with_methods(self, methods: Sequence[Sequence[int]]) -> "VideoAnalysis":
        """The same with the method of each face (`TrackedFace.method`), in the order of `faces`.

        Of whom is kept in a shot nobody has to know where else they are: their gaps make no frame `partial`.
        """
        faces = [
            [replace(face, method=method) for face, method in zip(of_frame, of_faces, strict=True)]
            for of_frame, of_faces in zip(self.faces, methods, strict=True)
        ]
        partial, _ = _gaps(self.shots, [[face for face in of_frame if is_sought(face)] for of_frame in faces])
        return replace(
            self, faces=faces, partial=[index for index in partial if any(face.sure for face in faces[index])]
        )

    @property
    def no_face(self) -> list[int]:
        """Frames in which nothing was found that is surely a face, ascending."""
        return [index for index, faces in enumerate(self.faces) if not any(face.sure for face in faces)]


@dataclass(frozen=True, slots=True)
class AnalyzedFrame:
    """A frame in which faces were followed, before people are told apart over the whole video."""

    seconds: float
    """When it is shown."""
    signature: NDArray[np.int16]
    """See `frame_signature`."""
    is_wide: bool
    """Whether it was searched from all sides."""
    faces: Sequence[TrackedFace]
    encodings: Mapping[int, Encoding]
    """Track → encoding, of some faces."""


class FollowedSearch:
    """What is known of a video's faces up to a frame. It can be saved between two frames."""

    def __init__(self, *, apart: bool = False) -> None:
        """apart: see `Tracker`."""
        self.linked = LinkedFrames()
        self._tracker = Tracker(apart=apart)
        self._followed: deque[tuple[NDArray[np.int16], bool, bool]] = deque()
        """Of the frames that are in and have not gone out: the signature, whether a shot begins, and `is_wide`."""
        self._detections: defaultdict[int, int] = defaultdict(int)

    def over(
        self,
        searched: Iterable[tuple[SearchedFrame, Sequence[Face]]],
        video: VideoSource,
        session: Session,
        recognizer: Recognizer | None,
        encode_in: Collection[int],
        ahead: int = 1,
    ) -> Iterator[AnalyzedFrame]:
        """The next frames of a video with their faces. searched: what `FaceSearch.video` gives for `linked`.

        ahead: how many frames may be encoded, in a thread of its own, while those after them are followed. With more
        than one, what is known is that of a frame further on, and cannot be saved.
        """

        def encoded(followed: _Followed) -> AnalyzedFrame:
            encodings: dict[int, Encoding] = {}
            if recognizer and followed.to_encode:
                with session.clock.running("check"):
                    shown, faces = as_shown(followed.frame, followed.to_encode, float(video.pixel_shape))
                    values = encode(recognizer, shown.image, faces)
                encodings = {face.track: value for face, value in zip(followed.to_encode, values, strict=True)}
            seconds = float(followed.frame.pts * video.time_base)
            return AnalyzedFrame(seconds, followed.signature, followed.is_wide, followed.faces, encodings)

        with closing(ordered_map(encoded, self._frames(searched, encode_in), 1, ahead)) as analyzed:
            yield from analyzed

    def _frames(
        self, searched: Iterable[tuple[SearchedFrame, Sequence[Face]]], encode_in: Collection[int]
    ) -> "Iterator[_Followed]":
        for seen, found in searched:
            self._followed.append((seen.signature, seen.begins_shot, seen.is_wide))
            for frame, faces in self._tracker.add(seen.frame, found):
                yield self._next(frame, faces, encode_in)
        for frame, faces in self._tracker.rest():
            yield self._next(frame, faces, encode_in)

    def _next(self, frame: Frame, faces: Sequence[TrackedFace], encode_in: Collection[int]) -> "_Followed":
        signature, begins_shot, is_wide = self._followed.popleft()
        if begins_shot:
            self._detections.clear()  # whoever is at a track's place after a cut may be somebody else
        to_encode = [
            face
            for face in faces
            if is_measured(face) and (frame.index in encode_in or is_encoded(self._detections[face.track]))
        ]
        for face in faces:
            self._detections[face.track] += is_measured(face)
        return _Followed(frame, signature, is_wide, faces, to_encode)


@dataclass(frozen=True, slots=True)
class _Followed:
    """A frame in which faces were followed, as it goes out."""

    frame: Frame
    signature: NDArray[np.int16]
    is_wide: bool
    faces: Sequence[TrackedFace]
    to_encode: Sequence[TrackedFace]
    """Those that are encoded, if there is a recognizer."""


class KeptAnalysis(Protocol):
    """Where the analysis of a video is kept as it goes on."""

    def restored(self) -> tuple[list[AnalyzedFrame], FollowedSearch]:
        """The first frames, and what was known after them."""

    def keep(self, frames: Sequence[AnalyzedFrame], known: FollowedSearch) -> None:
        """Another frame is analyzed. frames: all up to it."""


def analyze(
    video: VideoSource,
    session: Session,
    search: FaceSearch,
    recognizer: Recognizer | None,
    encode_in: Collection[int] = (),
    kept: KeptAnalysis | None = None,
) -> VideoAnalysis:
    """Find and follow the faces of all frames, and tell which of them are the same person.

    A face that was lost, or that comes back after a cut, is who it was before if its encodings say so; without a
    recognizer only within a shot, if it comes back near to its place (`TrackGaps`).
    encode_in: numbers of frames in which every face is encoded, apart from those that are needed to tell people apart.
    kept: what of it is known already, and where it is kept as it goes on; None: nothing, nowhere.
    Raises MienError if a frame does not decode, or a plugin fails.
    """
    total = len(video.frame_times())
    session.progress.start(f"{video.path.name}: analyzing", total)
    frames, known = kept.restored() if kept else ([], FollowedSearch(apart=video.is_paged))
    faces_found = sum(len(frame.faces) for frame in frames)
    if frames:
        session.progress.advance(len(frames), faces=faces_found)
    if len(frames) < total:
        with search.video(video, known.linked) as searched:
            ahead = 1 if kept else ahead_of(video.frame_bytes, 1)
            for frame in known.over(searched, video, session, recognizer, encode_in, ahead):
                frames.append(frame)
                if kept:
                    kept.keep(frames, known)
                faces_found += len(frame.faces)
                session.progress.advance(1, faces=faces_found)
    return _identified(frames, recognizer, apart=video.is_paged)


def encode(recognizer: Recognizer, image: RgbImage, faces: Sequence[TrackedFace]) -> NDArray[np.float32]:
    """The encodings of N faces of an image, all with landmarks: float32 (N, D).

    Raises MienError if the feature fails.
    """
    return encode_landmarks(recognizer, image, [face.landmarks for face in faces if face.landmarks is not None])


def encode_landmarks(recognizer: Recognizer, image: RgbImage, landmarks: Sequence[Landmarks]) -> NDArray[np.float32]:
    """The same, by the landmarks of N faces: float32 (N, D)."""
    return recognizer.encode([align(image, points) for points in landmarks])


def is_measured(face: TrackedFace) -> bool:
    """Whether the landmarks of a face are those of its frame, so that it can be encoded."""
    return face.landmarks is not None and not face.interpolated


def is_sought(face: TrackedFace) -> bool:
    """Whether it has to be known where a face is: it is surely one, and not to be kept."""
    return face.sure and face.method != KEPT


def in_doubt(face: TrackedFace) -> bool:
    """Whether it only may be a face, and is not to be kept."""
    return not face.sure and face.method != KEPT


def _identified(analyzed: Sequence[AnalyzedFrame], recognizer: Recognizer | None, *, apart: bool) -> VideoAnalysis:
    """Tell people apart. A track that goes on over a cut, since faces are at one place before and after, is two.

    apart: whether each frame is a shot of its own.
    """
    signatures, seconds = [frame.signature for frame in analyzed], [frame.seconds for frame in analyzed]
    shots = list(range(len(analyzed))) if apart else shots_of(signatures, seconds)
    encodings = {index: frame.encodings for index, frame in enumerate(analyzed) if frame.encodings}
    numbers: dict[tuple[int, int], int] = {}

    def tracklet(index: int, track: int) -> int:
        return numbers.setdefault((shots[index], track), len(numbers))

    tracklets = [_renamed(faces, {face.track: tracklet(index, face.track) for face in faces})
                 for index, faces in enumerate(frame.faces for frame in analyzed)]  # fmt: skip
    sure = {face.track for faces in tracklets for face in faces if face.sure}
    tracklets = [[replace(face, sure=face.track in sure) for face in faces] for faces in tracklets]
    frames = seen_in([[face.track for face in faces] for faces in tracklets])
    if recognizer:
        of_tracklet: defaultdict[int, list[Encoding]] = defaultdict(list)
        for index, of_frame in encodings.items():
            for track, value in of_frame.items():
                of_tracklet[tracklet(index, track)].append(value)
        stacked = {number: np.stack(values) for number, values in of_tracklet.items()}
        people = joined_by_encodings(frames, stacked, recognizer)
    else:
        people = joined_by_place(frames, _gaps(shots, tracklets)[1])
    of_people = [_renamed(faces, people) for faces in tracklets]
    partial, _ = _gaps(shots, [[face for face in faces if is_sought(face)] for faces in of_people])
    return VideoAnalysis(
        seconds=seconds,
        shots=shots,
        faces=of_people,
        people=len(set(people.values())),
        encodings={
            index: {people[tracklet(index, track)]: value for track, value in of_frame.items()}
            for index, of_frame in encodings.items()
        },
        partial=[index for index in partial if any(face.sure for face in of_people[index])],
        wide=[index for index, frame in enumerate(analyzed) if frame.is_wide],
    )


def _renamed(faces: Sequence[TrackedFace], names: Mapping[int, int]) -> list[TrackedFace]:
    return [replace(face, track=names[face.track]) for face in faces]


def _gaps(shots: Sequence[int], faces: Sequence[Sequence[TrackedFace]]) -> tuple[list[int], dict[int, int]]:
    """Frames in which a face is missing within its shot, and which tracks came back under another number."""
    frames: list[int] = []
    rejoined: dict[int, int] = {}
    of_shot = TrackGaps()
    for index, shot in enumerate(shots):
        if index and shot != shots[index - 1]:
            frames += of_shot.frames
            rejoined |= of_shot.rejoined
            of_shot = TrackGaps()
        of_shot.add(index, faces[index])
    return frames + of_shot.frames, rejoined | of_shot.rejoined
