"""Each file of the input in its turn: in a folder, one that fails ends nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mien.errors import MienError
from mien.inference.jobs import Job
from mien.inference.report import FileReport
from mien.media.files import writing_to
from mien.media.video_reader import VideoSource

Report = TypeVar("Report", bound=FileReport)


def run_jobs(
    jobs: Sequence[Job],
    source: Path,
    output: Path,
    report: type[Report],
    *,
    image: Callable[[Job], Report],
    images: Callable[[Sequence[Job]], list[Report]],
    video: Callable[[Job, VideoSource], Report],
) -> tuple[Report, ...]:
    """Do a single file, or a folder's images and then its videos; the reports come in the order of the paths.

    jobs: what `list_jobs(source, output)` gave. report: what the reports are, to make those of files that fail.
    image, images: do one that was named itself, and those of a folder. video: does one that is whole.
    Raises MienError as these do; of a folder's videos only if the disk is full or a permission is missing.
    """
    if not source.is_dir():
        (job,) = jobs
        return (image(job) if job.source.kind == "image" else video(job, _whole(job)),)
    with writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    done = images([job for job in jobs if job.source.kind == "image"])
    for job in jobs:
        if job.source.kind == "unreadable":
            done.append(report(job.source.path, None, failure=job.source.reason))
        elif job.source.kind == "video":
            done.append(_one_of_many(job, report, video))
    return tuple(sorted(done, key=lambda one: one.source))


def _one_of_many(job: Job, report: type[Report], video: Callable[[Job, VideoSource], Report]) -> Report:
    try:
        whole = _whole(job)
    except MienError as error:
        return report(job.source.path, None, failure=str(error))
    try:
        return video(job, whole)
    except MienError as error:
        if isinstance(error.__cause__, OSError):  # a full disk would end all the others too
            raise
        return report(job.source.path, None, failure=str(error))


def _whole(job: Job) -> VideoSource:
    video = VideoSource(job.source.path)
    video.check_whole()
    return video
