"""One video: decoding, finding, drawing, blending and encoding overlap, and the frames keep their order."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing

from mien.face import Face
from mien.pipeline.absences import Absences
from mien.pipeline.drawing import Scene
from mien.pipeline.report import FileReport, as_ranges
from mien.pipeline.stages import ordered_map, prefetched
from mien.pipeline.targets import Job
from mien.pipeline.tracking import TrackedFace, follow
from mien.pipeline.workshop import Workshop
from mien.video import Frame, VideoSource
from mien.video_sink import VideoSink

_FRAMES_AHEAD = 4


def swap_video(job: Job, video: VideoSource, shop: Workshop) -> FileReport:
    """Swap a video that is whole; the output appears when its last frame is encoded.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written.
    """
    shop.progress.start(video.path.name, len(video.frame_times()))
    frames = faces = bridged = 0
    missed: list[int] = []
    absences = Absences()
    with VideoSink(job.output, video, synthetic=shop.provenance, quality=shop.quality) as sink, ExitStack() as stages:
        decoded = stages.enter_context(closing(prefetched(shop.clock.over("decode", video.frames()), _FRAMES_AHEAD)))
        found = stages.enter_context(closing(_found(decoded, shop)))
        chosen = shop.only.of_video(follow(found)) if shop.only else follow(found)
        drawn = stages.enter_context(closing(prefetched(shop.painter.draw(_scenes(chosen)), _FRAMES_AHEAD)))
        blended = stages.enter_context(closing(ordered_map(shop.painter.blend, drawn, shop.threads, _FRAMES_AHEAD)))
        for scene, image in blended:
            with shop.clock.running("encode"):
                sink.write(image, scene.ticket.pts, scene.ticket.duration)
            frames += 1
            faces += len(scene.faces)
            bridged += sum(face.bridged for face in scene.faces)
            absences.note(scene.ticket.index, scene.faces)
            if not scene.faces:
                missed.append(scene.ticket.index)
            shop.progress.advance(1, faces=faces)
    incomplete = sorted(set(absences.frames).difference(missed))
    return FileReport(video.path, job.output, frames, faces, bridged, as_ranges(missed), as_ranges(incomplete))


def _found(frames: Iterable[Frame], shop: Workshop) -> Generator[tuple[Frame, Sequence[Face]], None, None]:
    return ordered_map(lambda frame: (frame, shop.finder.find(frame.image)), frames, shop.threads, 2 * shop.threads)


def _scenes(frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[Scene[Frame]]:
    return (Scene(frame.image, faces, frame) for frame, faces in frames)
