"""An image, a video or a folder, with other faces: from the run and the user's paths to the finished files."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.inference.blender_selection import AUTO, candidates_for, choose_blender
from mien.inference.images import swap_image, swap_images
from mien.inference.jobs import FileTask, Job, elsewhere, list_jobs, run_jobs
from mien.inference.options import SessionOptions
from mien.inference.report import FileReport, SwapReport
from mien.inference.segmented_video import SegmentTask, SegmentWorkers, swap_video
from mien.inference.segments import is_long
from mien.inference.session import Session
from mien.inference.target import FaceTarget
from mien.media.animation import open_video
from mien.media.discovery import passed_over
from mien.media.encoders import check_encoder
from mien.media.part import Part
from mien.media.video_writer import check_quality
from mien.plugins.registry import Registry
from mien.progress import Progress
from mien.workers import Executor


def swap(
    run: Path | str,
    source: Path,
    output: Path,
    to: str | Sequence[str] | None = None,
    *,
    reference: Sequence[Path] = (),
    options: SessionOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> SwapReport:
    """Draw the faces of an image, of a video, or of all images and videos of a folder, as one person.

    run: folder of a trained run, or the name of an installed one. source: a file or folder; output: where to, of the
    same kind. A folder's tree is mirrored; a file of it that cannot be swapped does not end the run, but stands in the
    report, and an image in which nothing is to be drawn is copied as it is.
    to: whom to draw, one of the run's people, or one for each of `options.person`; None: its only one. reference:
    instead of it, images of somebody whom the run has never seen, for a model that draws a reference; one face in each;
    folders of images, clips: see `Session.reference`.
    options: how, see `SessionOptions`; its blender may be "auto": the best of those installed, as `choose_blender`
    finds it, with a sheet that shows them all beside the output, or in it if it is a folder. None: the defaults.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.
    executor: what does the files of a folder, one to a task, and long videos, a segment to a task, as
    `mien.workers.cluster.RayExecutor`; its workers see the same files under the same paths. The results are those of
    this machine. None: this process does them. It does not choose a blender: "auto" compares here first.

    What is drawn is labelled as synthetic (see `mien.media.provenance`). Each file appears whole or not at all. A video
    that is longer than one and a half of `options.segment_seconds` is drawn in segments: when this is interrupted, even
    killed, the same call goes on after the last whole one, and its result is that of a call that ran through.

    Returns what came of each file, how long it took, and which blender was taken.
    Raises MienError, with nothing lost: for a quality off its scale; a run that is missing, untrained or needs a plugin
    that is not installed; a person that it does not know, or a model that draws no such person; a reference without a
    face, or with several; a recognizer that has nobody to tell apart; all that `list_jobs` refuses; a full disk or a
    missing permission. For a single file also if it is unreadable or damaged, or an image in which nothing is to be
    drawn.
    """
    options, registry = options or SessionOptions(), registry or Registry()
    check_quality(options.quality)
    check_encoder(options.encoder)
    if options.recognizer and not options.person and not reference:
        raise MienError(
            "No person was named whom the recognizer is to tell apart.",
            f"mien swap {run} {source} {output} --person IMAGE --recognizer {options.recognizer}",
        )
    jobs = list_jobs(source, output, overwrite=options.overwrite, reads=[*reference, *options.reads])
    candidates = None
    if options.blender == AUTO:
        candidates = candidates_for(jobs, source, output, overwrite=options.overwrite, registry=registry)
        options = replace(options, blender=candidates.default)
    session = Session.open(run, options=options, progress=progress, registry=registry)
    session = session.drawing(*_targets(session, to, reference))
    start = time.perf_counter()
    comparison = None
    if candidates:
        comparison = choose_blender(jobs, session, candidates)
        session = session.blending_with(comparison.chosen)
    workers = None
    if executor is not None:
        init = SwapInit(registry, run, to, tuple(reference), replace(options, blender=session.blender))
        workers = SegmentWorkers(executor, init)
    if executor is not None and source.is_dir():
        long = [job for job in jobs if _is_long(job, session)]
        of_segments = {job.source.path for job in long}
        short = [job for job in jobs if job.source.path not in of_segments]
        files = elsewhere(executor, init, short, output, session.progress) if short else ()
        files += _done(long, source, output, session, options.part, workers) if long else ()
        files = tuple(sorted(files, key=lambda file: file.source))
    else:
        files = _done(jobs, source, output, session, options.part, workers)
    return SwapReport(
        files=files,
        seconds=time.perf_counter() - start,
        stage_seconds=session.clock.seconds,
        blender=session.blender,
        comparison=comparison,
        recognizer=session.recognizer,
        passed_over=tuple(passed_over(source)) if source.is_dir() else (),
    )


def _done(
    jobs: Sequence[Job],
    source: Path,
    output: Path,
    session: Session,
    part: Part,
    workers: SegmentWorkers | None = None,
) -> tuple[FileReport, ...]:
    return run_jobs(
        jobs,
        source,
        output,
        FileReport,
        image=lambda job: swap_image(job, session),
        images=lambda images: swap_images(images, session),
        video=lambda job, video: swap_video(job, video, session, workers),
        part=part,
    )


def _is_long(job: Job, session: Session) -> bool:
    """Whether a file is a video of several segments; one that cannot be read is none."""
    try:
        return job.source.kind == "video" and is_long(open_video(job.source.path), session.segment_seconds)
    except MienError:
        return False


@dataclass(frozen=True, slots=True)
class SwapInit:
    """What a worker that swaps the files of a folder, or segments of a video, is initialised with; a
    `mien.workers.WorkerInit`."""

    registry: Registry
    run: Path | str
    to: str | Sequence[str] | None
    reference: tuple[Path, ...]
    options: SessionOptions

    def make_worker(self) -> Callable[[FileTask | SegmentTask, Callable[[object], None]], Any]:
        """Open the run, once for all tasks. Raises MienError as `swap` does."""
        options = replace(self.options, threads=1)
        session = Session.open(self.run, options=options, registry=self.registry)
        session = session.drawing(*_targets(session, self.to, self.reference))

        def do(task: FileTask | SegmentTask, report: Callable[[object], None]) -> Any:
            if not isinstance(task, FileTask):
                return task.do(session)
            folder, output = task.folders
            (done,) = _done([task.job], folder, output, session, options.part)
            return done

        return do


def _targets(session: Session, to: str | Sequence[str] | None, reference: Sequence[Path]) -> Sequence[FaceTarget]:
    if not reference:
        return session.targets_of(to)
    if to:
        raise MienError("Both --to and --reference say whom to draw.", "--to PERSON, or --reference IMAGE alone")
    if session.person_filter and len(session.person_filter.people) > 1:
        raise MienError(
            "All images of --reference show one person, and so they replace one.",
            "--person IMAGE once, and a call for each other person",
        )
    return [session.reference(reference)]
