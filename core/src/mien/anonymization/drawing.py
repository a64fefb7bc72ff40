"""The second pass over a video: new faces in its frames, and what is hidden of them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from mien.anonymization.analysis import VideoAnalysis
from mien.anonymization.policy import Targets
from mien.anonymization.redaction import Redaction
from mien.inference.kept_work import digest
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.inference.square_pixels import as_shown, as_stored
from mien.inference.target import facts_of_target
from mien.inference.video import FRAMES_AHEAD
from mien.media.video_parts import PartSink
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.tracking.tracker import TrackedFace
from mien.workers.threads import computing_with, prefetched


@dataclass(frozen=True, slots=True)
class Drawing:
    """What becomes of the frames of a video."""

    video: VideoSource
    session: Session
    targets: Targets
    analysis: VideoAnalysis
    redaction: Redaction

    @property
    def frames(self) -> range:
        """All frames."""
        return range(len(self.analysis.faces))

    def draw(self, sink: VideoSink | PartSink, only: range, faces: int = 0) -> int:
        """Draw some frames that follow each other, and write them.

        faces: so many were drawn before. Returns how many have been by now. Raises MienError if a frame does not
        decode, a plugin fails, or nothing can be written.
        """
        around = self._around(only)
        read = self.video.frames(around.start, around.stop, deep=True)
        with (
            computing_with(max(1, self.session.threads // 2)),
            closing(prefetched(self.session.clock.over("decode", read), FRAMES_AHEAD)) as decoded,
            self.targets.methods.redrawn(self._scenes(decoded), FRAMES_AHEAD) as redrawn,
        ):
            for scene, image in redrawn:
                frame = scene.context
                if frame.index not in only:
                    continue
                with self.session.clock.running("encode"):
                    shown = self.redaction.hide(frame.index, as_stored(frame, image))
                    before = self.redaction.opaque(frame.stored or frame)
                    sink.write(shown, frame.pts, frame.duration, before)
                faces += len(scene.faces)
                self.session.progress.advance(1, faces=faces)
        return faces

    def digest(self, only: range) -> str:
        """By what is drawn in some frames, given the video and how it is drawn: who, where, as whom, and what is
        hidden."""
        return digest(*map(self._facts, self._around(only)))

    def _facts(self, index: int) -> tuple[object, ...]:
        if index in self.redaction.whole:
            return (index,)
        drawn = self.targets.methods.drawable(self.analysis.faces[index])
        faces = [(face.track, face.method, facts_of_target(self.targets.of(face)), _place(face)) for face in drawn]
        return (index, faces, list(self.redaction.parts.get(index, ())))

    def _around(self, only: range) -> range:
        """Those frames, and those beside them that the methods need: what one draws in them, the next one sees."""
        windows = [method.session.window for method in self.targets.methods.methods]
        before, after = (sum(window[side] for window in windows) for side in (0, 1))
        return range(max(0, only.start - before), min(only.stop + after, len(self.analysis.faces)))

    def _scenes(self, decoded: Iterator[Frame]) -> Iterator[Scene[Frame]]:
        for frame in decoded:
            found = () if frame.index in self.redaction.whole else self.analysis.faces[frame.index]
            frame, found = as_shown(frame, found, float(self.video.pixel_shape))
            number = None if self.video.is_paged else frame.index
            yield self.targets.scene(frame.image, found, frame, number)


def _place(face: TrackedFace) -> str:
    known = [points.tobytes() for points in (face.landmarks, face.steady) if points is not None]
    return digest(face.steady_box, *known)
