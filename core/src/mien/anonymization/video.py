"""One video, in two passes: who is where, and then new faces, or nothing at all where a face may have been missed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mien.anonymization.analysis import VideoAnalysis, analyze
from mien.anonymization.policy import Rules, unchecked
from mien.anonymization.redaction import Redaction, plan_redaction
from mien.anonymization.verification import distances_to_originals, frames_at, spread
from mien.errors import MienError
from mien.inference.generator import Scene
from mien.inference.jobs import Job
from mien.inference.report import AnonymizedFile, Check, FrameRange, as_ranges
from mien.inference.session import Session
from mien.inference.video import FRAMES_AHEAD
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink
from mien.workers.threads import prefetched

_RANGES_TOLD = 10


def anonymize_video(job: Job, video: VideoSource, session: Session, rules: Rules) -> AnonymizedFile:
    """Anonymize a video that is whole; the output appears when its faces were compared with those that were there.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written; and for a video in
    which a face was missed, if that is to be refused.
    """
    with unchecked(job.output) as draft:
        # Opened before anything is looked at: what it cannot hold is known at once.
        with VideoSink(
            draft, video, synthetic=session.provenance, quality=session.quality, sound=rules.sound, titles=False
        ) as sink:
            look_at = spread(range(len(video.frame_times()))) if rules.checks else ()
            analysis = analyze(video, session, rules.recognizer, frozenset(look_at))
            if rules.missing == "refuse":
                _refuse_missing(job, analysis)
            redaction = Redaction() if rules.missing == "keep" else plan_redaction(analysis, rules.margin_seconds)
            _draw(sink, job, video, session, rules, analysis, redaction)
        check = _checked(draft, video.path, session, rules, analysis, redaction)
        output, rejected, failure = rules.put_in_place(draft, job, check)
    drawn = [face for index, faces in enumerate(analysis.faces) if index not in redaction.whole for face in faces]
    return AnonymizedFile(
        source=video.path,
        output=output,
        frames=len(analysis.faces),
        faces=len(drawn),
        interpolated=sum(face.interpolated for face in drawn),
        no_face=as_ranges(analysis.no_face),
        partial=as_ranges(analysis.partial),
        failure=failure,
        people=analysis.people,
        hidden=as_ranges(sorted(redaction.whole)),
        hidden_in_part=as_ranges(sorted(redaction.parts)),
        sound=rules.sound and video.has_audio,
        check=check,
        rejected=rejected,
    )


def _refuse_missing(job: Job, analysis: VideoAnalysis) -> None:
    at_fault = [
        f"{what} in frames {_listed(as_ranges(frames))}"
        for what, frames in (
            ("no face was found", analysis.no_face),
            ("a face seen before and after was not found", analysis.partial),
        )
        if frames
    ]
    if at_fault:
        raise MienError(
            f"{job.source.path}: {', and '.join(at_fault)}; nothing was written.",
            "--missing hide hides those frames; --extractor and --also-find may find the faces; "
            "--missing keep leaves the frames as they are",
        )


def _listed(ranges: tuple[FrameRange, ...]) -> str:
    more = f" and {len(ranges) - _RANGES_TOLD} more stretches" if len(ranges) > _RANGES_TOLD else ""
    return ", ".join(map(str, ranges[:_RANGES_TOLD])) + more


def _draw(
    sink: VideoSink,
    job: Job,
    video: VideoSource,
    session: Session,
    rules: Rules,
    analysis: VideoAnalysis,
    redaction: Redaction,
) -> None:
    people = [rules.synthetic_person(job, person) for person in range(analysis.people)]

    def scenes() -> Iterator[Scene[Frame]]:
        for frame in decoded:
            faces = () if frame.index in redaction.whole else analysis.faces[frame.index]
            yield Scene(frame.image, faces, frame, [people[face.track] for face in faces])

    session.progress.start(video.path.name, len(analysis.faces))
    faces_drawn = 0
    with (
        closing(prefetched(session.clock.over("decode", video.frames()), FRAMES_AHEAD)) as decoded,
        session.redrawn(scenes(), FRAMES_AHEAD) as drawn,
    ):
        for scene, image in drawn:
            with session.clock.running("encode"):
                frame = scene.context
                sink.write(redaction.hide(frame.index, image), frame.pts, frame.duration)
            faces_drawn += len(scene.faces)
            session.progress.advance(1, faces=faces_drawn)


def _checked(
    path: Path, source: Path, session: Session, rules: Rules, analysis: VideoAnalysis, redaction: Redaction
) -> Check | None:
    """Compare faces of the video that was written with those that were there."""
    recognizer = rules.checks
    if recognizer is None:
        return None
    indices = spread(sorted(set(analysis.encodings).difference(redaction.whole)))
    session.progress.start(f"{source.name}: checking", len(indices))
    distances: list[float] = []
    for frame in frames_at(VideoSource(path), indices):
        originals = analysis.encodings[frame.index]
        places = {face.track: face.landmarks for face in analysis.faces[frame.index] if face.track in originals}
        with session.clock.running("check"):
            distances += distances_to_originals(
                frame.image,
                list(places.values()),
                [originals[person] for person in places],
                session.detector,
                recognizer,
            )
        session.progress.advance(1)
    return Check(tuple(distances), recognizer.same_person_below)
