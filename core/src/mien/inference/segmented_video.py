"""A long video, drawn in segments: what is whole stays when a call is interrupted, and an executor may draw them.

Where a segment begins cannot be seen: faces are searched, followed and chosen over the whole video, frame after frame,
and a model with a window gets the frames around each segment, too. Only the encoder begins anew.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.contracts.face import Face
from mien.inference.followed import MADE_OF, FollowedFaces, FrameFaces
from mien.inference.jobs import Job
from mien.inference.report import FileReport
from mien.inference.saved_state import UNREADABLE, restored, saved
from mien.inference.segments import KeptSegments, facts_of, segments_of
from mien.inference.session import Session
from mien.inference.square_pixels import as_shown
from mien.inference.video import FRAMES_AHEAD, detected, draw, swap_whole_video
from mien.media.animation import open_sink
from mien.media.files import NothingCanBeWritten, remove_parts
from mien.media.video_parts import PartSink
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import check_held
from mien.tracking.tracker import TrackedFace
from mien.workers import Executor, TaskDone, WorkerInit, run_tasks
from mien.workers.threads import prefetched

_SEGMENTS_SEARCHED_AHEAD = 64
_SEGMENTS_DRAWN_AHEAD = 32
"""So many tasks of each kind wait on an executor; each draws or searches a segment."""


@dataclass(frozen=True, slots=True)
class SearchTask:
    """Faces that a worker is to find in some frames of a video."""

    video: VideoSource
    frames: range

    def __str__(self) -> str:
        return f"{self.video.path}, frames {self.frames.start}–{self.frames.stop - 1}"

    def do(self, session: Session) -> list[Sequence[Face]]:
        """What is found in each of them."""
        with detected(
            self.video, session.detector, session.threads, self.frames.start, self.frames.stop, deep=False
        ) as found:
            return [faces for _, faces in found]


@dataclass(frozen=True, slots=True)
class DrawTask:
    """A segment that a worker is to draw."""

    video: VideoSource
    number: int
    frames: range
    faces: list[tuple[int, list[TrackedFace]]]
    """Of successive frames, in square pixels; also of those around the segment that the model needs."""
    part: Path
    suffix: str

    def __str__(self) -> str:
        return f"{self.video.path}, frames {self.frames.start}–{self.frames.stop - 1}"

    def do(self, session: Session) -> None:
        """Write its part."""
        shape = float(self.video.pixel_shape)
        first, last = self.faces[0][0], self.faces[-1][0]
        frames = self.video.frames(first, last + 1, deep=True)
        with (
            closing(prefetched(session.clock.over("decode", frames), FRAMES_AHEAD)) as decoded,
            PartSink(self.part, self.video, suffix=self.suffix, **session.encoding) as sink,
        ):
            shown = (
                (as_shown(frame, [], shape)[0], faces) for frame, (_, faces) in zip(decoded, self.faces, strict=True)
            )
            draw(shown, sink, session, self.frames)


SegmentTask = SearchTask | DrawTask


@dataclass(frozen=True, slots=True)
class SegmentWorkers:
    """What does the segments of a video elsewhere. init: makes a worker that does a `SegmentTask` by its `do`."""

    executor: Executor
    init: WorkerInit[SegmentTask, object, Any]


def swap_video(job: Job, video: VideoSource, session: Session, workers: SegmentWorkers | None = None) -> FileReport:
    """Swap a video that is whole; the output appears when its last frame is encoded.

    If it is long (`SessionOptions.segment_seconds`), its segments are kept until then: the same call goes on after
    those that are whole. workers: what does these, None: this process.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written.
    """
    segments = segments_of(video, session.segment_seconds)
    if len(segments) == 1:
        report = swap_whole_video(job, video, session)
        remove_parts(job.output)
        return report
    check_held(open_sink(job.output, video, synthetic=session.provenance, **session.encoding, sound=session.sound))
    kept = KeptSegments(job.output, facts_of(video, session, job.output.suffix, segments))
    try:
        with kept.named(job.output):
            known = _drawn(job, video, session, segments, kept, workers)
            said = session.provenance_of(known.people_drawn)
            with open_sink(job.output, video, synthetic=said, **session.encoding, sound=session.sound) as sink:
                sink.write_parts([kept.part(number) for number in range(len(segments))])
    except (KeyboardInterrupt, SystemExit):
        session.progress.say(
            f"{job.output}: {kept.done} of {len(segments)} segments are drawn; the same command goes on after them."
        )
        raise
    except NothingCanBeWritten as error:
        error.message += (
            f" {kept.done} of {len(segments)} segments of it are drawn, and stay: when there is room, the same "
            "command goes on after them."
        )
        raise
    kept.remove()
    report = known.report(video, session)
    return replace(report, output=job.output, notes=(*sink.notes, *report.notes))


def _drawn(
    job: Job,
    video: VideoSource,
    session: Session,
    segments: Sequence[range],
    kept: KeptSegments,
    workers: SegmentWorkers | None,
) -> FollowedFaces:
    known, held = FollowedFaces(), list[FrameFaces]()
    if done := kept.done:
        try:
            known, held = restored(kept.state_after(kept.part(done - 1)), video, deep=True, made_of=MADE_OF)
        except UNREADABLE:
            kept.drop("its state cannot be read")
            done = 0
    if kept.dropped:
        session.progress.say(f"{job.output}: what an interrupted call has drawn is dropped; {kept.dropped}.")
    if done:
        session.progress.say(
            f"{job.output}: goes on after {done} of {len(segments)} segments, which are drawn already."
        )
    session.progress.start(video.path.name, len(video.frame_times()))
    if done:
        session.progress.advance(segments[done - 1].stop)
    if done < len(segments):
        left = range(done, len(segments))
        if workers:
            _draw_elsewhere(job, video, session, segments, left, kept, workers, known, held)
        else:
            _draw_here(job, video, session, segments, left, kept, known, held)
    return known


class _SegmentReader:
    """Gives the frames of one segment after the other, with those around it that the model needs.

    frames: from those on that `held` does not hold yet.
    """

    def __init__(
        self, frames: Iterator[FrameFaces], held: Sequence[FrameFaces], known: FollowedFaces, window: tuple[int, int]
    ) -> None:
        self._frames, self._held, self._known = frames, deque(held), known
        self._before, self._after = window
        self.state = b""
        """What is known after the segment that was read last: `FollowedFaces`, and frames that the next one begins
        with."""

    def read(self, segment: range) -> Iterator[FrameFaces]:
        """The frames of a segment, and those around it."""
        yield from list(self._held)
        last = segment.stop - 1 + self._after
        while not self._held or self._held[-1][0].index < last:
            found = next(self._frames, None)
            if found is None:
                break
            self._held.append(found)
            while self._held[0][0].index < segment.stop - self._before and len(self._held) > 1:
                self._held.popleft()
            yield found
        while self._held and self._held[0][0].index < segment.stop - self._before:
            self._held.popleft()
        self.state = saved((self._known, list(self._held)))


def _draw_here(
    job: Job,
    video: VideoSource,
    session: Session,
    segments: Sequence[range],
    left: Sequence[int],
    kept: KeptSegments,
    known: FollowedFaces,
    held: Sequence[FrameFaces],
) -> None:
    with detected(video, session.detector, session.threads, known.frames_in) as found:
        reader = _SegmentReader(known.over(found, session, video), held, known, session.window)
        faces = 0
        for number in left:
            segment = segments[number]
            with PartSink(kept.part(number), video, suffix=job.output.suffix, **session.encoding) as sink:
                faces = draw(reader.read(segment), sink, session, segment, faces)
            kept.keep(kept.part(number), reader.state)


def _draw_elsewhere(
    job: Job,
    video: VideoSource,
    session: Session,
    segments: Sequence[range],
    left: Sequence[int],
    kept: KeptSegments,
    workers: SegmentWorkers,
    known: FollowedFaces,
    held: Sequence[FrameFaces],
) -> None:
    """Workers search, this process follows the faces over the whole video, and workers draw."""
    states: dict[int, bytes] = {}
    with closing(_found_elsewhere(video, segments, known.frames_in, workers)) as found:
        reader = _SegmentReader(known.over(found, session, video), held, known, session.window)

        def tasks() -> Iterator[SegmentTask]:
            for number in left:
                faces = [(frame.index, faces) for frame, faces in reader.read(segments[number])]
                states[number] = reader.state
                yield DrawTask(video, number, segments[number], faces, kept.part(number), job.output.suffix)

        with closing(run_tasks(workers.executor, workers.init, tasks(), _SEGMENTS_DRAWN_AHEAD)) as steps:
            for step in steps:
                if isinstance(step, TaskDone) and isinstance(step.task, DrawTask):
                    kept.keep(step.task.part, states.pop(step.task.number))
                    session.progress.advance(len(step.task.frames))


def _found_elsewhere(
    video: VideoSource, segments: Sequence[range], start: int, workers: SegmentWorkers
) -> Generator[tuple[Frame, Sequence[Face]]]:
    """The frames from one on, with what workers find in them."""
    searched = (SearchTask(video, range(max(start, one.start), one.stop)) for one in segments if one.stop > start)
    with (
        closing(run_tasks(workers.executor, workers.init, searched, _SEGMENTS_SEARCHED_AHEAD)) as steps,
        closing(prefetched(video.frames(start), FRAMES_AHEAD)) as frames,
    ):
        for step in steps:
            if isinstance(step, TaskDone):
                for faces in step.result:
                    yield next(frames), faces
