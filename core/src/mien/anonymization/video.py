"""One video in two passes: analysis first, then new faces, and redaction where a face may have been missed."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from mien.anonymization.analysis import VideoAnalysis, analyze, in_doubt, is_sought
from mien.anonymization.drawing import Drawing
from mien.anonymization.filmed_faces import FilmedFaces
from mien.anonymization.kept_video import KeptVideo
from mien.anonymization.policy import Policy, Targets
from mien.anonymization.redaction import Redaction, hide_undrawable, plan_redaction, with_leaks
from mien.anonymization.treatment import FRAMES_PER_ENCODING, encodings_of, stacked
from mien.anonymization.verification import (
    distances_of_measured,
    frames_again,
    frames_searched,
    measured_again,
)
from mien.contracts.face import Box, Landmarks
from mien.counted import counted
from mien.errors import MienError
from mien.inference.jobs import Job
from mien.inference.report import AnonymizedFile, Check, FrameRange, as_ranges
from mien.inference.segments import segments_of
from mien.inference.session import Session
from mien.inference.square_pixels import as_shown, in_square
from mien.inference.video import FRAMES_AHEAD
from mien.media.animation import open_sink, open_video
from mien.media.files import remove_parts
from mien.media.provenance import Provenance
from mien.media.video_reader import Frame, VideoSource
from mien.media.video_writer import VideoSink, check_held
from mien.spread import spread_indices
from mien.tracking.tracker import KEPT, TrackedFace
from mien.workers.threads import ahead_of, ordered_map, prefetched

_MAX_RANGES = 10


def anonymize_video(job: Job, video: VideoSource, session: Session, policy: Policy) -> AnonymizedFile:
    """Anonymize a video that is whole; the output appears when its new faces were compared with the original ones.

    If it is long (`SessionOptions.segment_seconds`), what is found in its segments, and drawn of them, is kept until
    then: the same call goes on after those that are whole.

    Raises MienError if a frame does not decode, a plugin fails, or the output cannot be written; and for a video in
    which a face was missed, if that is to be refused.
    """
    options, can_draw = policy.options, policy.methods.can_draw
    leaks_hidden = 0
    segments = segments_of(video, session.segment_seconds)
    with policy.outputs.draft(job.output) as draft, ExitStack() as stack:
        check_held(_sink(draft, video, session, policy, session.provenance))
        encode_in = _encoded_frames(len(video.frame_times()), policy)
        unfinished = None
        if len(segments) > 1:
            work = KeptVideo(job, video, session, policy, segments, encode_in)
            unfinished = stack.enter_context(work.until_written())
        analysis = policy.treatment.of_video(
            analyze(video, session, policy.search, policy.recognizer, encode_in, unfinished)
        )
        targets = _targets(job, video, session, policy, analysis)
        if options.missing == "refuse" and (refused := _refused(job, analysis)):
            if unfinished:
                unfinished.remove()
            raise refused
        redaction = (
            hide_undrawable(analysis, can_draw)
            if options.missing == "keep"
            else plan_redaction(analysis, options.margin_seconds, can_draw)
        )
        notes = _write(draft, Drawing(video, session, targets, analysis, redaction), policy, unfinished)
        checked = _frames_to_search(analysis, redaction)
        result = _check(draft, video, session, policy, analysis, redaction, checked)
        others = _recast(video, session, policy, analysis, targets, result)
        if result.leaks or others != targets:
            leaks_hidden, targets = sum(map(len, result.leaks.values())), others
            redaction = with_leaks(redaction, analysis, result.leaks, checked)
            _write(draft, Drawing(video, session, targets, analysis, redaction), policy, unfinished)
            result = _check(draft, video, session, policy, analysis, redaction, checked)
        check, left = result.check, sum(map(len, result.leaks.values()))
        output, rejected, failure = policy.put_in_place(draft, job, check, left)
    if not unfinished:
        remove_parts(job.output)
    shown = _shown(analysis, redaction)
    kept = sum(face.method == KEPT for face in shown)
    drawn = policy.methods.drawable(shown)
    people: dict[int, bool] = {}
    for face in (face for faces in analysis.faces for face in faces if is_sought(face)):
        people[face.track] = people.get(face.track, False) or policy.methods.can_cast(face)
    return AnonymizedFile(
        source=video.path,
        output=output,
        frames=len(analysis.faces),
        faces=len(drawn),
        interpolated=sum(face.interpolated for face in drawn),
        undrawn=len(shown) - len(drawn) - kept,
        doubtful=sum(map(in_doubt, shown)),
        no_face=as_ranges(analysis.no_face),
        partial=as_ranges(analysis.partial),
        notes=(*notes, *targets.notes),
        failure=failure,
        people=len(people),
        synthetic_ids=frozenset(targets.ids[track] for track, is_cast in people.items() if is_cast),
        found=tuple(sorted(policy.treatment.found_in_video(analysis))),
        kept=kept,
        hidden=as_ranges(sorted(redaction.whole)),
        hidden_in_part=as_ranges(sorted(redaction.parts)),
        hidden_by_margin=as_ranges(sorted(redaction.without_find)),
        sound=options.sound and session.sound and video.has_audio,
        check=check,
        leaks=leaks_hidden,
        rejected=rejected,
    )


def _encoded_frames(frames: int, policy: Policy) -> frozenset[int]:
    """In which frames every face is encoded: those that are compared afterwards, and where people are known by images
    one in every few."""
    compared = spread_indices(frames, policy.frames_compared).tolist() if policy.verifier else ()
    known = range(0, frames, FRAMES_PER_ENCODING) if policy.treatment.known else ()
    return frozenset([*compared, *known])


def _targets(job: Job, video: VideoSource, session: Session, policy: Policy, analysis: VideoAnalysis) -> Targets:
    encodings = encodings_of(analysis)
    people = sorted({face.track for faces in analysis.faces for face in faces if face.method != KEPT})
    of_people = {person: stacked(encodings.get(person, {}).values()) for person in people}
    with session.clock.running("check"):
        filmed = FilmedFaces(video, policy.methods, analysis, people) if policy.recognizer else {}
        return policy.targets(job, of_people, filmed)


def _recast(
    video: VideoSource, session: Session, policy: Policy, analysis: VideoAnalysis, targets: Targets, result: "_Checked"
) -> Targets:
    """The targets, with others for those whose new faces are too near to their own."""
    if not policy.is_too_near(result.check):
        return targets
    people = [person for person in sorted(result.near) if person in targets.ids]
    with session.clock.running("check"):
        return policy.recast(targets, FilmedFaces(video, policy.methods, analysis, people, result.near))


def _shown(analysis: VideoAnalysis, redaction: Redaction) -> list[TrackedFace]:
    """The faces of all frames that are not hidden all over."""
    return [face for index, faces in enumerate(analysis.faces) if index not in redaction.whole for face in faces]


def _sink(draft: Path, video: VideoSource, session: Session, policy: Policy, said: Provenance | None) -> VideoSink:
    sound = policy.options.sound and session.sound
    return open_sink(draft, video, synthetic=said, **session.encoding, sound=sound, titles=False)


def _refused(job: Job, analysis: VideoAnalysis) -> MienError | None:
    """Why a video is not written in which a face was missed; None if none was."""
    at_fault = [
        f"{what} in frames {_shortened(as_ranges(frames))}"
        for what, frames in (
            ("no face was found", analysis.no_face),
            ("a face seen before and after was not found", analysis.partial),
        )
        if frames
    ]
    if not at_fault:
        return None
    return MienError(
        f"{job.source.path}: {', and '.join(at_fault)}; nothing was written.",
        "another --extractor, or several joined by +, may find the faces; --missing hide hides those frames; "
        "--missing keep leaves them as they are",
    )


def _shortened(ranges: tuple[FrameRange, ...]) -> str:
    more = f" and {counted(len(ranges) - _MAX_RANGES, 'more range')}" if len(ranges) > _MAX_RANGES else ""
    return ", ".join(map(str, ranges[:_MAX_RANGES])) + more


def _write(draft: Path, drawing: Drawing, policy: Policy, kept: KeptVideo | None) -> tuple[str, ...]:
    """Draw the video. Returns what of it is left out or changed in the draft."""
    redaction = drawing.redaction
    hides = bool(redaction.whole or redaction.parts)
    said = policy.provenance.of(_shown(drawing.analysis, redaction), hides=hides)
    with _sink(draft, drawing.video, drawing.session, policy, said) as sink:
        if kept:
            sink.write_parts(kept.draw(drawing))
        else:
            drawing.session.progress.start(drawing.video.path.name, len(drawing.frames))
            drawing.draw(sink, drawing.frames)
    return sink.notes


def _frames_to_search(analysis: VideoAnalysis, redaction: Redaction) -> list[int]:
    """Frames spread over what is shown, and as many of those in which a part is hidden; ascending."""
    shown = [index for index in range(len(analysis.faces)) if index not in redaction.whole]
    in_doubt = sorted(set(redaction.parts).intersection(shown))
    chosen = (frames_searched(frames, analysis.seconds, analysis.shots) for frames in (shown, in_doubt))
    return sorted({index for frames in chosen for index in frames})


@dataclass(frozen=True, slots=True)
class _LookedAtAgain:
    """A frame of the video that was written."""

    frame: Frame
    leaks: Sequence[Box]
    """Where it shows a face that is neither known nor hidden."""
    drawn: Sequence[TrackedFace]
    """Those of its faces that are compared with the original ones,"""
    landmarks: Sequence[Landmarks]
    """and where they are now."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a video that was written still shows."""

    leaks: Mapping[int, Sequence[Box]]
    """Frame → faces that are neither known nor hidden, of the frames that were searched."""
    check: Check | None
    """How far its faces lie from the original ones; None if nothing compares them."""
    near: Mapping[int, Sequence[int]]
    """Person → the frames in which their new face is still taken for them."""


def _check(
    path: Path,
    video: VideoSource,
    session: Session,
    policy: Policy,
    analysis: VideoAnalysis,
    redaction: Redaction,
    to_search: Sequence[int],
) -> _Checked:
    """Look at the video that was written, in the frames to search and those that are compared."""
    search, recognizer = policy.leak_search, policy.verifier
    searched = set(to_search) if search else set()
    video_written = open_video(path)
    # A .webm is written in square pixels, whatever the video's are.
    shape, shape_written = float(video.pixel_shape), float(video_written.pixel_shape)
    compared = _frames_to_compare(analysis, redaction, policy.frames_compared) if recognizer else set()

    def again(frame: Frame) -> _LookedAtAgain:
        frame, _ = as_shown(frame, (), shape_written)
        leaks: Sequence[Box] = ()
        if search and frame.index in searched:
            known, regions = analysis.faces[frame.index], redaction.parts.get(frame.index, ())
            leaks = search.leaks(frame.image, known, regions, shape)
        drawn: Sequence[TrackedFace] = ()
        if frame.index in compared:
            originals = analysis.encodings[frame.index]
            of_people = {
                face.track: face
                for face in analysis.faces[frame.index]
                if face.track in originals and face.method != KEPT
            }
            drawn = in_square(list(of_people.values()), shape)
        return _LookedAtAgain(frame, leaks, drawn, measured_again(frame.image, drawn, policy.search, policy.methods))

    indices = sorted(searched | compared)
    session.progress.start(f"{video.path.name}: checking the output", len(indices))
    found: dict[int, list[Box]] = {}
    distances: list[float] = []
    of: list[tuple[int, int]] = []
    with (
        closing(prefetched(frames_again(video_written, video, indices), FRAMES_AHEAD)) as written,
        closing(
            ordered_map(again, written, session.threads, ahead_of(video.frame_bytes, session.threads))
        ) as looked_at,
    ):
        for seen in looked_at:
            index = seen.frame.index
            if seen.leaks:
                found[index] = list(seen.leaks)
            if recognizer:
                originals = [analysis.encodings[index][face.track] for face in seen.drawn]
                of += [(face.track, index) for face in seen.drawn]
                with session.clock.running("check"):
                    distances += distances_of_measured(seen.frame.image, seen.landmarks, originals, recognizer)
            session.progress.advance(1)
    check = policy.check_of(distances, recognizer) if recognizer else None
    near: dict[int, list[int]] = {}
    for (person, index), distance in zip(of, distances, strict=True):
        if check and distance < check.same_person_below:
            near.setdefault(person, []).append(index)
    return _Checked(found, check, near)


def _frames_to_compare(analysis: VideoAnalysis, redaction: Redaction, most: int) -> set[int]:
    """So many frames at most, spread over those that are shown and have encodings."""
    shown = sorted(set(analysis.encodings).difference(redaction.whole))
    return {shown[at] for at in spread_indices(len(shown), most)}
