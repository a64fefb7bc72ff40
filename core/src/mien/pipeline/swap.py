"""A picture, a video or a folder, with other faces: from the run and the user's paths to the finished files."""

import time
from collections.abc import Sequence
from pathlib import Path

from mien.errors import MienError
from mien.files import writing_to
from mien.pipeline.of_pictures import swap_picture, swap_pictures
from mien.pipeline.of_video import swap_video
from mien.pipeline.report import FileReport, SwapReport
from mien.pipeline.targets import Job, jobs_of
from mien.pipeline.workshop import Workshop
from mien.progress import Progress, Silent
from mien.registry import Registry
from mien.video import VideoSource
from mien.video_sink import DEFAULT_QUALITY, check_quality


def swap(
    run: Path,
    source: Path,
    output: Path,
    identity: str,
    *,
    blender: str,
    extractor: str | None = None,
    person: Path | None = None,
    quality: int = DEFAULT_QUALITY,
    overwrite: bool = False,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> SwapReport:
    """Draw the faces of a picture, of a video, or of all pictures and videos of a folder, as a person of a run.

    run: folder of a trained run. source: a file or folder; output: where to, of the same kind. A folder's tree is
    mirrored; a file of it that cannot be swapped does not end the run, but stands in the report, and a picture in which
    nothing is to be drawn is copied as it is.
    identity: whom to draw, one of the run's people. person: a picture of the person whose faces are to be drawn anew;
    None: every face. blender: a plugin choice, as `name:key=value`. extractor: likewise, what searches for faces; None:
    what the run's datasets were made with. quality: of videos, see `VideoSink`.
    overwrite: whether files may be replaced. threads: so many search for faces at once; None: one for each core.
    device: where the model draws, as torch names it; None: a GPU if torch sees one, else the CPU.

    What is drawn is labelled as synthetic (see `mien.provenance`). Each file appears whole or not at all.

    Raises MienError, with nothing lost: for a quality off its scale; a run that is missing, untrained or needs a plugin
    that is not installed; an identity that it does not know; all that `jobs_of` refuses; a full disk or a missing
    permission. For a single file also if it is unreadable or damaged, or a picture in which nothing is to be drawn.
    """
    check_quality(quality)
    jobs = jobs_of(source, output, overwrite=overwrite)
    shop = Workshop.open(
        run,
        identity,
        blender=blender,
        extractor=extractor,
        person=person,
        quality=quality,
        threads=threads,
        device=device,
        progress=progress or Silent(),
        registry=registry or Registry(),
    )
    start = time.perf_counter()
    files = _swap_folder(jobs, output, shop) if source.is_dir() else [_swap_file(jobs[0], shop)]
    return SwapReport(tuple(files), time.perf_counter() - start, shop.clock.seconds)


def _swap_file(job: Job, shop: Workshop) -> FileReport:
    if job.source.kind == "picture":
        return swap_picture(job, shop)
    video = VideoSource(job.source.path)
    video.check_whole()
    return swap_video(job, video, shop)


def _swap_folder(jobs: Sequence[Job], output: Path, shop: Workshop) -> list[FileReport]:
    with writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    reports = swap_pictures([job for job in jobs if job.source.kind == "picture"], shop)
    for job in jobs:
        if job.source.kind == "unreadable":
            reports.append(FileReport(job.source.path, None, failure=job.source.reason))
        elif job.source.kind == "video":
            reports.append(_swap_one_of_many(job, shop))
    return sorted(reports, key=lambda report: report.source)


def _swap_one_of_many(job: Job, shop: Workshop) -> FileReport:
    try:
        video = VideoSource(job.source.path)
        video.check_whole()
    except MienError as error:
        return FileReport(job.source.path, None, failure=str(error))
    try:
        return swap_video(job, video, shop)
    except MienError as error:
        if isinstance(error.__cause__, OSError):  # a full disk would end all the others too
            raise
        return FileReport(job.source.path, None, failure=str(error))
