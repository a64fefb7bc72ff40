"""Some faces of each person of a video as they were filmed, in few frames at once however many people there are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mien.anonymization.analysis import VideoAnalysis
from mien.anonymization.casting import FACES_TRIED, Seen
from mien.anonymization.methods import Methods
from mien.anonymization.verification import frames_at
from mien.inference.square_pixels import as_shown
from mien.media.video_reader import VideoSource
from mien.spread import spread_indices
from mien.tracking.tracker import TrackedFace

HELD_BYTES = 1 << 28
"""So much memory the frames may take that are held at once, if those of one person take no more."""


class FilmedFaces(Mapping[int, Sequence[Seen]]):
    """Person → some of their faces, spread over the frames in which they can be drawn.

    Frames are read when somebody is asked for, together with those of people who come next, and are held until somebody
    else is: ask for each person once, in order. Asking raises MienError if a frame does not decode.
    """

    def __init__(
        self,
        video: VideoSource,
        methods: Methods,
        analysis: VideoAnalysis,
        people: Iterable[int],
        also: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        """also: person → frames, of which as many are taken, too."""
        self._video = video
        found: dict[int, list[tuple[int, TrackedFace]]] = {person: [] for person in sorted(people)}
        for index, faces in enumerate(analysis.faces):
            for face in faces:
                if face.track in found and face.sure and not face.interpolated and methods.can_cast(face):
                    found[face.track].append((index, face))
        self._chosen = {
            person: _some(in_frames, also.get(person, ()) if also else ()) for person, in_frames in found.items()
        }
        """Person → frame → their face there."""
        self._held: dict[int, list[Seen]] = {}

    def __len__(self) -> int:
        return len(self._chosen)

    def __iter__(self) -> Iterator[int]:
        return iter(self._chosen)

    def __getitem__(self, person: int) -> Sequence[Seen]:
        if person not in self._chosen:
            raise KeyError(person)
        if person not in self._held:
            self._held = {}  # before others are read
            self._held = self._read(self._together(person))
        return self._held[person]

    def _together(self, first: int) -> list[int]:
        """Somebody, and as many of those after them as have frames that may be held."""
        most = HELD_BYTES // max(self._video.frame_bytes, 1)
        people, frames = [first], set(self._chosen[first])
        for person in (person for person in self._chosen if person > first):
            frames |= self._chosen[person].keys()
            if len(frames) > most:
                break
            people.append(person)
        return people

    def _read(self, people: Sequence[int]) -> dict[int, list[Seen]]:
        wanted: dict[int, list[TrackedFace]] = {}
        for person in people:
            for index, face in self._chosen[person].items():
                wanted.setdefault(index, []).append(face)
        seen: dict[int, list[Seen]] = {person: [] for person in people}
        for frame in frames_at(self._video, sorted(wanted)):
            frame, faces = as_shown(frame, wanted[frame.index], float(self._video.pixel_shape))
            for face in faces:
                seen[face.track].append(Seen(frame.image, face))
        return seen


def _some(found: Sequence[tuple[int, TrackedFace]], named: Sequence[int]) -> dict[int, TrackedFace]:
    """Of somebody's faces in frames some spread over all, and as many of the frames that are named."""
    of_named = [one for one in found if one[0] in named]
    return {some[at][0]: some[at][1] for some in (found, of_named) for at in spread_indices(len(some), FACES_TRIED)}
