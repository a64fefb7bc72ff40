"""One video, in two passes: who is where, and then new faces, or nothing at all where a face may have been missed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mien.errors import MienError
from mien.pipeline.checking import distances_to_originals, frames_at, spread
from mien.pipeline.drawing import Scene
from mien.pipeline.hiding import Hiding, what_to_hide
from mien.pipeline.of_video import FRAMES_AHEAD
from mien.pipeline.report import AnonymizedFile, Check, FrameRange, as_ranges
from mien.pipeline.rules import Rules, unchecked
from mien.pipeline.stages import prefetched
from mien.pipeline.survey import Survey, look_through
from mien.pipeline.targets import Job
from mien.pipeline.workshop import Workshop
from mien.video import Frame, VideoSource
from mien.video_sink import VideoSink

_RANGES_TOLD = 10


def anonymize_video(job: Job, video: VideoSource, shop: Workshop, rules: Rules) -> AnonymizedFile:
    """Anonymize a video that is whole; the output appears when its faces were compared with those that were there.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written; and for a video in
    which a face was missed, if that is to be refused.
    """
    with unchecked(job.output) as draft:
        # Opened before anything is looked at: what it cannot hold is known at once.
        with VideoSink(
            draft, video, synthetic=shop.provenance, quality=shop.quality, sound=rules.sound, titles=False
        ) as sink:
            look_at = spread(range(len(video.frame_times()))) if rules.checks else ()
            survey = look_through(video, shop, rules.recognizer, frozenset(look_at))
            if rules.missing == "refuse":
                _refuse_missing(job, survey)
            hiding = Hiding() if rules.missing == "keep" else what_to_hide(survey, rules.margin_seconds)
            _draw(sink, job, video, shop, rules, survey, hiding)
        check = _checked(draft, video.path, shop, rules, survey, hiding)
        output, rejected, failure = rules.put_in_place(draft, job, check)
    drawn = [face for index, faces in enumerate(survey.faces) if index not in hiding.whole for face in faces]
    return AnonymizedFile(
        source=video.path,
        output=output,
        frames=len(survey.faces),
        faces=len(drawn),
        bridged=sum(face.bridged for face in drawn),
        missed=as_ranges(survey.missed),
        incomplete=as_ranges(survey.incomplete),
        failure=failure,
        people=survey.people,
        hidden=as_ranges(sorted(hiding.whole)),
        hidden_in_part=as_ranges(sorted(hiding.parts)),
        sound=rules.sound and video.has_audio,
        check=check,
        rejected=rejected,
    )


def _refuse_missing(job: Job, survey: Survey) -> None:
    at_fault = [
        f"{what} in frames {_listed(as_ranges(frames))}"
        for what, frames in (
            ("no face was found", survey.missed),
            ("a face seen before and after was not found", survey.incomplete),
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
    sink: VideoSink, job: Job, video: VideoSource, shop: Workshop, rules: Rules, survey: Survey, hiding: Hiding
) -> None:
    strangers = [rules.stranger(job, person) for person in range(survey.people)]

    def scenes() -> Iterator[Scene[Frame]]:
        for frame in decoded:
            faces = () if frame.index in hiding.whole else survey.faces[frame.index]
            yield Scene(frame.image, faces, frame, [strangers[face.track] for face in faces])

    shop.progress.start(video.path.name, len(survey.faces))
    faces_drawn = 0
    with (
        closing(prefetched(shop.clock.over("decode", video.frames()), FRAMES_AHEAD)) as decoded,
        shop.redrawn(scenes(), FRAMES_AHEAD) as drawn,
    ):
        for scene, image in drawn:
            with shop.clock.running("encode"):
                frame = scene.ticket
                sink.write(hiding.hide(frame.index, image), frame.pts, frame.duration)
            faces_drawn += len(scene.faces)
            shop.progress.advance(1, faces=faces_drawn)


def _checked(path: Path, source: Path, shop: Workshop, rules: Rules, survey: Survey, hiding: Hiding) -> Check | None:
    """Compare faces of the video that was written with those that were there."""
    recognizer = rules.checks
    if recognizer is None:
        return None
    indices = spread(sorted(set(survey.encodings).difference(hiding.whole)))
    shop.progress.start(f"{source.name}: checking", len(indices))
    distances: list[float] = []
    for frame in frames_at(VideoSource(path), indices):
        originals = survey.encodings[frame.index]
        places = {face.track: face.landmarks for face in survey.faces[frame.index] if face.track in originals}
        with shop.clock.running("check"):
            distances += distances_to_originals(
                frame.image, list(places.values()), [originals[person] for person in places], shop.finder, recognizer
            )
        shop.progress.advance(1)
    return Check(tuple(distances), recognizer.same_person_below)
