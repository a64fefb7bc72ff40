"""The faces of a video, frame by frame: followed, chosen and counted, in a state that can be put down and taken up."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from mien.contracts.face import Face
from mien.inference.person_filter import PeopleOfTracks
from mien.inference.report import FileReport, as_ranges
from mien.inference.session import Session
from mien.inference.square_pixels import as_shown
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.track_gaps import TrackGaps
from mien.tracking.tracker import TrackedFace, Tracker

FrameFaces: TypeAlias = tuple[Frame, list[TrackedFace]]
"""A frame in square pixels, and its faces there that may be drawn anew."""
MADE_OF = {
    "mien.inference.followed": ("FollowedFaces",),
    "mien.inference.person_filter": ("PeopleOfTracks",),
    "mien.tracking.track_gaps": ("TrackGaps", "_Detection"),
}
"""What `FollowedFaces` are made of, for `restored`."""


class FollowedFaces:
    """What is known of a video's faces up to a frame. It can be saved between two frames (`saved`)."""

    def __init__(self, *, apart: bool = False) -> None:
        """apart: see `Tracker`; then in no frame anybody is missing who is seen in others."""
        self._apart = apart
        self._tracker, self._people, self._gaps = Tracker(apart=apart), PeopleOfTracks(), TrackGaps()
        self._frames = self._undrawn = self._interpolated = self._faces = 0
        self._no_face: list[int] = []
        self._found_people: set[int] = set()

    @property
    def frames_in(self) -> int:
        """How many frames have come in: the number of the next one."""
        return self._tracker.frames_in

    @property
    def people_drawn(self) -> frozenset[int]:
        """Which of the session's people were drawn anew in them; without people of its own, 0 stands for everybody."""
        return frozenset(self._found_people if self._faces else ())

    def over(
        self, found: Iterable[tuple[Frame, Sequence[Face]]], session: Session, video: VideoSource
    ) -> Iterator[FrameFaces]:
        """The next frames of a video with their faces, those that may be drawn anew.

        found: the frames from number `frames_in` on, up to the last, with what was found in each.
        """
        shape = float(video.pixel_shape)
        for frame, faces in found:
            for tracked in self._tracker.add(frame, faces):
                yield from self._chosen(as_shown(*tracked, shape), session)
        for tracked in self._tracker.rest():
            yield from self._chosen(as_shown(*tracked, shape), session)
        if session.person_filter:
            for chosen in session.person_filter.rest(self._people):
                yield self._counted(chosen, session)

    def report(self, source: VideoSource, session: Session) -> FileReport:
        """What came of all frames up to now; without an output."""
        return FileReport(
            source=source.path,
            output=None,
            frames=self._frames,
            faces=self._faces,
            interpolated=self._interpolated,
            undrawn=self._undrawn,
            no_face=as_ranges(self._no_face),
            partial=as_ranges(sorted(set(self._gaps.frames).difference(self._no_face))),
            notes=session.not_found(self._found_people),
        )

    def _chosen(self, tracked: FrameFaces, session: Session) -> Iterator[FrameFaces]:
        if session.person_filter is None:
            yield self._counted(tracked, session)
            return
        for chosen in session.person_filter.add(self._people, *tracked):
            yield self._counted(chosen, session)

    def _counted(self, chosen: FrameFaces, session: Session) -> FrameFaces:
        frame, found = chosen
        drawn = session.generator.drawable(found)
        self._frames += 1
        self._faces += len(drawn)
        self._undrawn += len(found) - len(drawn)
        self._interpolated += sum(face.interpolated for face in drawn)
        self._found_people.update(face.method for face in found)
        if not self._apart:
            self._gaps.add(frame.index, found)
        if not drawn:
            self._no_face.append(frame.index)
        return chosen
