"""One video: decoding, finding, drawing, blending and encoding overlap, and the frames keep their order."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from mien.contracts.face import Face
from mien.geometry.pixel_shape import in_square_pixels, in_stored_pixels
from mien.inference.detector import FaceDetector
from mien.inference.followed import FollowedFaces, FrameFaces
from mien.inference.jobs import Job
from mien.inference.report import FileReport
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.inference.square_pixels import as_stored
from mien.media.animation import open_sink
from mien.media.video_parts import PartSink
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.tracking.tracker import TrackedFace, follow
from mien.workers.threads import ahead_of, ordered_map, prefetched

FRAMES_AHEAD = 4
"""So many frames wait between two stages."""


def swap_whole_video(job: Job, video: VideoSource, session: Session) -> FileReport:
    """Swap a video that is whole; the output appears when its last frame is encoded.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written.
    """
    session.progress.start(video.path.name, len(video.frame_times()))
    known = FollowedFaces(apart=video.is_paged)
    with (
        open_sink(job.output, video, synthetic=session.provenance, **session.encoding, sound=session.sound) as sink,
        detected(video, session.detector, session.threads) as found,
    ):
        draw(known.over(found, session, video), sink, session, apart=video.is_paged)
    report = known.report(video, session)
    if not report.faces:  # what says that faces are drawn was written before that was known
        with open_sink(job.output, video, synthetic=None, **session.encoding, sound=session.sound) as sink:
            for frame in video.frames(deep=True):
                sink.write(frame.image, frame.pts, frame.duration, frame)
    return replace(report, output=job.output, notes=(*sink.notes, *report.notes))


def draw(
    frames: Iterable[FrameFaces],
    sink: VideoSink | PartSink,
    session: Session,
    only: range | None = None,
    faces: int = 0,
    *,
    apart: bool = False,
) -> int:
    """Draw the faces of successive frames, and write these.

    only: numbers of frames that are written; None: all. faces: so many were drawn before. apart: whether they are
    images of their own. Returns how many have been by now.
    """
    with session.redrawn(_scenes(frames, session, apart=apart), FRAMES_AHEAD) as blended:
        for scene, image in blended:
            frame = scene.context
            if only is not None and frame.index not in only:
                continue
            with session.clock.running("encode"):
                sink.write(as_stored(frame, image), frame.pts, frame.duration, frame.stored or frame)
            faces += len(scene.faces)
            session.progress.advance(1, faces=faces)
    return faces


@contextmanager
def detected(
    video: VideoSource,
    detector: FaceDetector,
    threads: int,
    start: int = 0,
    stop: int | None = None,
    *,
    deep: bool = True,
) -> Iterator[Iterator[tuple[Frame, Sequence[Face]]]]:
    """The frames of a video, or a range of them, with what was found in each; decoding and finding go on in threads of
    their own. deep: see `VideoSource.frames`."""
    pixel_shape = float(video.pixel_shape)

    def find(frame: Frame) -> tuple[Frame, Sequence[Face]]:
        seen = in_square_pixels(frame.image, pixel_shape)
        return frame, [in_stored_pixels(face, pixel_shape) for face in detector.find(seen)]

    frames = detector.clock.over("decode", video.frames(start, stop, deep=deep))
    with (
        closing(prefetched(frames, FRAMES_AHEAD)) as decoded,
        closing(ordered_map(find, decoded, threads, ahead_of(video.frame_bytes, threads))) as found,
    ):
        yield found


@contextmanager
def followed(
    video: VideoSource, detector: FaceDetector, threads: int
) -> Iterator[Iterator[tuple[Frame, list[TrackedFace]]]]:
    """The frames of a video with their faces, followed over it."""
    with detected(video, detector, threads) as found:
        yield follow(found, apart=video.is_paged)


def _scenes(frames: Iterable[FrameFaces], session: Session, *, apart: bool) -> Iterator[Scene[Frame]]:
    for frame, faces in frames:
        drawable = session.generator.drawable(faces)
        yield Scene(frame.image, drawable, frame, frame=None if apart else frame.index)
