"""One video: decoding, finding, drawing, blending and encoding overlap, and the frames keep their order."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

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

FRAMES_AHEAD = 4
"""So many frames wait between two stages."""


def swap_video(job: Job, video: VideoSource, shop: Workshop) -> FileReport:
    """Swap a video that is whole; the output appears when its last frame is encoded.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written.
    """
    shop.progress.start(video.path.name, len(video.frame_times()))
    frames = faces = bridged = 0
    missed: list[int] = []
    absences = Absences()
    with (
        VideoSink(job.output, video, synthetic=shop.provenance, quality=shop.quality) as sink,
        followed(video, shop) as tracked,
        shop.redrawn(_scenes(shop.only.of_video(tracked) if shop.only else tracked), FRAMES_AHEAD) as blended,
    ):
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


@contextmanager
def followed(video: VideoSource, shop: Workshop) -> Iterator[Iterator[tuple[Frame, list[TrackedFace]]]]:
    """The frames of a video with their faces; decoding and finding go on in threads of their own."""

    def find(frame: Frame) -> tuple[Frame, Sequence[Face]]:
        return frame, shop.finder.find(frame.image)

    with (
        closing(prefetched(shop.clock.over("decode", video.frames()), FRAMES_AHEAD)) as decoded,
        closing(ordered_map(find, decoded, shop.threads, 2 * shop.threads)) as found,
    ):
        yield follow(found)


def _scenes(frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[Scene[Frame]]:
    return (Scene(frame.image, faces, frame) for frame, faces in frames)
