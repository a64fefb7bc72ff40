"""The first pass over a video, before anything is drawn: who is where in which frame, and where a face is lost.

Of each frame only boxes and points are kept, about 2 kB a face, so that memory does not grow with the images.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.anonymization.linking import SearchedFrame
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
from mien.tracking.tracker import KEPT, TrackedFace, follow

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


def analyze(
    video: VideoSource,
    session: Session,
    search: FaceSearch,
    recognizer: Recognizer | None,
    encode_in: Collection[int] = (),
) -> VideoAnalysis:
    """Find and follow the faces of all frames, and tell which of them are the same person.

    A face that was lost, or that comes back after a cut, is who it was before if its encodings say so; without a
    recognizer only within a shot, if it comes back near to its place (`TrackGaps`).
    encode_in: numbers of frames in which every face is encoded, apart from those that are needed to tell people apart.
    Raises MienError if a frame does not decode, or a plugin fails.
    """
    session.progress.start(f"{video.path.name}: analyzing", len(video.frame_times()))
    seconds: list[float] = []
    signatures: list[NDArray[np.int16]] = []
    tracked: list[list[TrackedFace]] = []
    encodings: dict[int, dict[int, Encoding]] = {}
    detections: defaultdict[int, int] = defaultdict(int)
    faces_found = 0
    begins: list[bool] = []
    wide: list[int] = []

    def found(frames: Iterable[tuple[SearchedFrame, list[Face]]]) -> Iterator[tuple[Frame, list[Face]]]:
        for seen, faces in frames:
            signatures.append(seen.signature)
            begins.append(seen.begins_shot)
            if seen.is_wide:
                wide.append(seen.frame.index)
            yield seen.frame, faces

    with search.video(video) as searched:
        for frame, faces in follow(found(searched)):
            seconds.append(float(frame.pts * video.time_base))
            tracked.append(faces)
            if begins[frame.index]:
                detections.clear()  # whoever is at a track's place after a cut may be somebody else
            if recognizer:
                chosen = [
                    face
                    for face in faces
                    if is_measured(face) and (frame.index in encode_in or is_encoded(detections[face.track]))
                ]
                if chosen:
                    with session.clock.running("check"):
                        shown, of_shown = as_shown(frame, chosen, float(video.pixel_shape))
                        values = encode(recognizer, shown.image, of_shown)
                    encodings[frame.index] = {face.track: value for face, value in zip(chosen, values, strict=True)}
            for face in faces:
                detections[face.track] += is_measured(face)
            faces_found += len(faces)
            session.progress.advance(1, faces=faces_found)
    return replace(_identified(seconds, shots_of(signatures), tracked, encodings, recognizer), wide=wide)


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


def _identified(
    seconds: list[float],
    shots: list[int],
    tracked: list[list[TrackedFace]],
    encodings: dict[int, dict[int, Encoding]],
    recognizer: Recognizer | None,
) -> VideoAnalysis:
    """Tell people apart. A track that goes on over a cut, since faces are at one place before and after, is two."""
    numbers: dict[tuple[int, int], int] = {}

    def tracklet(index: int, track: int) -> int:
        return numbers.setdefault((shots[index], track), len(numbers))

    tracklets = [_renamed(faces, {face.track: tracklet(index, face.track) for face in faces})
                 for index, faces in enumerate(tracked)]  # fmt: skip
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
