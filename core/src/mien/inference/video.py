"""One video: decoding, finding, drawing, blending and encoding overlap, and the frames keep their order."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from mien.contracts.face import Face, RgbImage
from mien.geometry.pixel_shape import in_square_pixels, in_stored_pixels, set_back, to_square_pixels
from mien.inference.detector import FaceDetector
from mien.inference.generator import Scene
from mien.inference.jobs import Job
from mien.inference.report import FileReport, as_ranges
from mien.inference.session import Session
from mien.media.animation import open_sink
from mien.media.video_reader import Frame, VideoSource
from mien.tracking.track_gaps import TrackGaps
from mien.tracking.tracker import TrackedFace, follow
from mien.workers.threads import ahead_of, ordered_map, prefetched

FRAMES_AHEAD = 4
"""So many frames wait between two stages."""


def swap_video(job: Job, video: VideoSource, session: Session) -> FileReport:
    """Swap a video that is whole; the output appears when its last frame is encoded.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written.
    """
    session.progress.start(video.path.name, len(video.frame_times()))
    frames = faces = undrawn = interpolated = 0
    no_face: list[int] = []
    found_people: set[int] = set()
    gaps, shape = TrackGaps(), float(video.pixel_shape)
    with (
        open_sink(
            job.output, video, synthetic=session.provenance, quality=session.quality, sound=session.sound
        ) as sink,
        followed(video, session.detector, session.threads) as tracked,
        session.redrawn(
            _scenes(_chosen((as_shown(*one, shape) for one in tracked), session), session),
            FRAMES_AHEAD,
        ) as blended,
    ):
        for scene, image in blended:
            frame, found = scene.context
            with session.clock.running("encode"):
                sink.write(as_stored(frame, image), frame.pts, frame.duration, frame.stored or frame)
            frames += 1
            faces += len(scene.faces)
            found_people.update(face.method for face in found)
            undrawn += len(found) - len(scene.faces)
            interpolated += sum(face.interpolated for face in scene.faces)
            gaps.add(frame.index, found)
            if not scene.faces:
                no_face.append(frame.index)
            session.progress.advance(1, faces=faces)
    partial = sorted(set(gaps.frames).difference(no_face))
    return FileReport(
        source=video.path,
        output=job.output,
        frames=frames,
        faces=faces,
        interpolated=interpolated,
        undrawn=undrawn,
        no_face=as_ranges(no_face),
        partial=as_ranges(partial),
        notes=(*sink.notes, *session.not_found(found_people)),
    )


@contextmanager
def followed(
    video: VideoSource, detector: FaceDetector, threads: int
) -> Iterator[Iterator[tuple[Frame, list[TrackedFace]]]]:
    """The frames of a video with their faces; decoding and finding go on in threads of their own."""

    pixel_shape = float(video.pixel_shape)

    def find(frame: Frame) -> tuple[Frame, Sequence[Face]]:
        seen = in_square_pixels(frame.image, pixel_shape)
        return frame, [in_stored_pixels(face, pixel_shape) for face in detector.find(seen)]

    with (
        closing(prefetched(detector.clock.over("decode", video.frames(deep=True)), FRAMES_AHEAD)) as decoded,
        closing(ordered_map(find, decoded, threads, ahead_of(video.frame_bytes, threads))) as found,
    ):
        yield follow(found)


def as_shown(frame: Frame, faces: Sequence[TrackedFace], pixel_shape: float) -> tuple[Frame, list[TrackedFace]]:
    """A frame in square pixels, with its faces there: so nobody is measured, known or drawn wider than they are."""
    if pixel_shape == 1:
        return frame, list(faces)
    matrix = to_square_pixels(pixel_shape)
    view = in_square_pixels(frame.image, pixel_shape)
    return replace(frame, image=view, stored=frame), [face.moved(matrix) for face in faces]


def as_stored(frame: Frame, image: RgbImage) -> RgbImage:
    """The image that was drawn in a frame, in the pixels that the frame was stored in."""
    return image if frame.stored is None else set_back(frame.stored.image, frame.image, image)


def _chosen(
    frames: Iterator[tuple[Frame, list[TrackedFace]]], session: Session
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    return session.person_filter.of_video(frames) if session.person_filter else frames


def _scenes(
    frames: Iterable[tuple[Frame, list[TrackedFace]]], session: Session
) -> Iterator[Scene[tuple[Frame, list[TrackedFace]]]]:
    for frame, faces in frames:
        yield Scene(frame.image, session.generator.drawable(faces), (frame, faces))
