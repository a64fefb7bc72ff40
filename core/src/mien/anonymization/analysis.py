"""What a video shows, looked through once before anything is drawn: who is where in which frame, and where one is lost.

Of each frame only the landmarks are kept, about 1.6 kB a face, so that memory does not grow with the images.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, RgbImage
from mien.geometry.alignment import align
from mien.inference.session import Session
from mien.inference.video import followed
from mien.media.video_reader import VideoSource
from mien.tracking.recognizer import Recognizer
from mien.tracking.reidentification import joined_by_encodings, joined_by_place, seen_in
from mien.tracking.shots import frame_signature, is_cut, shots_of
from mien.tracking.track_gaps import TrackGaps
from mien.tracking.tracker import TrackedFace

Encoding = NDArray[np.float32]
"""float32 (D,)."""


@dataclass(frozen=True, slots=True)
class VideoAnalysis:
    """What was seen in each frame of a video, in order."""

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
    """Frames that show a face, but not one that is seen before and after them in that shot; ascending."""

    @property
    def no_face(self) -> list[int]:
        """Frames in which no face was found, ascending."""
        return [index for index, faces in enumerate(self.faces) if not faces]


def analyze(
    video: VideoSource, session: Session, recognizer: Recognizer | None, look_at: Collection[int] = ()
) -> VideoAnalysis:
    """Find and follow the faces of all frames, and tell which of them are the same person.

    A face that was lost, or that comes back after a cut, is who it was before if its encodings say so; without a
    recognizer only within a shot, if it comes back near to its place (`TrackGaps`).
    look_at: numbers of frames in which every face is encoded, apart from those that are needed to tell people apart.
    Raises MienError if a frame does not decode, or a plugin fails.
    """
    session.progress.start(f"{video.path.name}: looking", len(video.frame_times()))
    seconds: list[float] = []
    signatures: list[NDArray[np.int16]] = []
    tracked: list[list[TrackedFace]] = []
    encodings: dict[int, dict[int, Encoding]] = {}
    sightings: defaultdict[int, int] = defaultdict(int)
    faces_found = 0
    with followed(video, session) as frames:
        for frame, faces in frames:
            seconds.append(float(frame.pts * video.time_base))
            signatures.append(frame_signature(frame.image))
            tracked.append(faces)
            if len(signatures) > 1 and is_cut(*signatures[-2:]):
                sightings.clear()  # whoever is at a track's place after a cut may be somebody else
            if recognizer:
                chosen = [
                    face
                    for face in faces
                    if not face.interpolated and (frame.index in look_at or _is_looked_at(sightings[face.track]))
                ]
                if chosen:
                    with session.clock.running("check"):
                        values = encode(recognizer, frame.image, [face.landmarks for face in chosen])
                    encodings[frame.index] = {face.track: value for face, value in zip(chosen, values, strict=True)}
            for face in faces:
                sightings[face.track] += not face.interpolated
            faces_found += len(faces)
            session.progress.advance(1, faces=faces_found)
    return _sorted_out(seconds, shots_of(signatures), tracked, encodings, recognizer)


def encode(recognizer: Recognizer, image: RgbImage, landmarks: Sequence[Landmarks]) -> NDArray[np.float32]:
    """The encodings of N faces of an image: float32 (N, D). Raises MienError if the feature fails."""
    return recognizer.encode([align(image, points) for points in landmarks])


def _is_looked_at(sighting: int) -> bool:
    """Whether a face is encoded when it is seen for that time: 0, 3, 6, 12, 24, …, ever more rarely."""
    third, rest = divmod(sighting, 3)
    return rest == 0 and third & (third - 1) == 0


def _sorted_out(
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
    frames = seen_in([[face.track for face in faces] for faces in tracklets])
    if recognizer:
        sightings: defaultdict[int, list[Encoding]] = defaultdict(list)
        for index, of_frame in encodings.items():
            for track, value in of_frame.items():
                sightings[tracklet(index, track)].append(value)
        stacked = {number: np.stack(values) for number, values in sightings.items()}
        people = joined_by_encodings(frames, stacked, recognizer)
    else:
        people = joined_by_place(frames, _absences(shots, tracklets)[1])
    of_people = [_renamed(faces, people) for faces in tracklets]
    partial, _ = _absences(shots, of_people)
    return VideoAnalysis(
        seconds=seconds,
        shots=shots,
        faces=of_people,
        people=len(set(people.values())),
        encodings={
            index: {people[tracklet(index, track)]: value for track, value in of_frame.items()}
            for index, of_frame in encodings.items()
        },
        partial=[index for index in partial if of_people[index]],
    )


def _renamed(faces: Sequence[TrackedFace], names: Mapping[int, int]) -> list[TrackedFace]:
    return [replace(face, track=names[face.track]) for face in faces]


def _absences(shots: Sequence[int], faces: Sequence[Sequence[TrackedFace]]) -> tuple[list[int], dict[int, int]]:
    """Frames in which a face is missing within its shot, and which tracks came back under another number."""
    frames: list[int] = []
    returned: dict[int, int] = {}
    of_shot = TrackGaps()
    for index, shot in enumerate(shots):
        if index and shot != shots[index - 1]:
            frames += of_shot.frames
            returned |= of_shot.returned
            of_shot = TrackGaps()
        of_shot.note(index, faces[index])
    return frames + of_shot.frames, returned | of_shot.returned
