"""The files of an input and where each result goes, checked before any work is done; then each in its turn."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mien.errors import MienError
from mien.inference.report import FileReport
from mien.media.animation import PAGE_SUFFIXES, check_animation_suffix, open_video, writable_suffixes
from mien.media.discovery import Source, find_sources
from mien.media.files import NothingCanBeWritten, fitting, remove_leftovers, writing_to
from mien.media.image_formats import is_animation
from mien.media.images import LABELLED_SUFFIXES, check_image_suffix
from mien.media.part import WHOLE, Part
from mien.media.video_reader import VideoSource
from mien.media.video_writer import WRITABLE_SUFFIXES, check_video_suffix
from mien.progress import Progress
from mien.workers import Executor, TaskDone, WorkerInit, run_tasks

Report = TypeVar("Report", bound=FileReport)
_IMAGE_ELSE, _VIDEO_ELSE = ".png", ".mkv"


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and where its result goes."""

    source: Source
    output: Path


def list_jobs(
    source: Path, output: Path, *, overwrite: bool, done: str = "swapped", reads: Iterable[Path] = ()
) -> list[Job]:
    """What there is to do for an image, a video or a folder of such.

    A folder's tree is mirrored. Files of formats that are read but not written get a suffix more: `a.gif.png`,
    `b.avi.mkv`. done: what is done to them, in a word, for messages. reads: what else the user named to be read, files
    and folders.

    What a process that has ended left half written where the results go is removed.

    Raises MienError if the source is missing or is or holds neither an image nor a video; if the output is the source,
    lies inside of it, would replace one of `reads`, or is there already and may not be overwritten; if nothing is
    written under its suffix; if two files would become one, as `a.gif` and `a.gif.png`; if a file is to become a folder
    or the reverse.
    """
    jobs = _listed(source, output, overwrite, done, list(reads))
    for folder in {job.output.parent for job in jobs}:
        remove_leftovers(folder)
    return jobs


def _listed(source: Path, output: Path, overwrite: bool, done: str, reads: Sequence[Path]) -> list[Job]:
    if source.is_dir():
        return _jobs_of_folder(source, output, overwrite, done, reads)
    found = find_sources([source])[0]
    if found.kind == "unreadable":
        raise MienError(f"{source} cannot be {done}: {found.reason}.", "Give an image, a video or a folder of them.")
    if output.is_dir():
        raise MienError(f"{output} is a folder, {source} is a file.", f"Write to {output / source.name}.")
    _check_suffix(found, output)
    jobs = [Job(found, output)]
    _refuse_losses(jobs, overwrite, reads)
    return jobs


def _check_suffix(found: Source, output: Path) -> None:
    if found.kind == "image":
        check_image_suffix(output, is_synthetic=True)
    elif is_animation(found.path):
        check_animation_suffix(output, found.path)
    else:
        check_video_suffix(output)


def _jobs_of_folder(source: Path, output: Path, overwrite: bool, done: str, reads: Sequence[Path]) -> list[Job]:
    if os.path.lexists(output) and not output.is_dir():
        raise MienError(f"{output} is a file, {source} is a folder.", "Give a new folder to write to.")
    if output.resolve().is_relative_to(source.resolve()):
        raise MienError(
            f"The output {output} lies inside of the input {source}: the next run would take it for input.",
            f"Write to {source.resolve().with_name(f'{source.resolve().name}_{done}')}.",
        )
    jobs = [Job(found, _mirrored(found, source, output)) for found in find_sources([source])]
    if not jobs:
        raise MienError(f"{source} holds no image and no video.", f"ls {source}")
    _refuse_losses(jobs, overwrite, reads)
    return jobs


def _mirrored(found: Source, source: Path, output: Path) -> Path:
    path = output / found.path.relative_to(source)
    if found.kind == "image":
        writable, suffix = LABELLED_SUFFIXES, _IMAGE_ELSE
    elif is_animation(found.path):
        writable = writable_suffixes(found.path)
        suffix = writable[0] if writable == PAGE_SUFFIXES else _IMAGE_ELSE
    else:
        writable, suffix = WRITABLE_SUFFIXES, _VIDEO_ELSE
    return path if path.suffix.lower() in writable else fitting(path.with_name(path.name + suffix), suffix)


def _refuse_losses(jobs: Sequence[Job], overwrite: bool, reads: Sequence[Path]) -> None:
    inputs = {job.source.path.resolve() for job in jobs}
    for job in jobs:
        if job.output.resolve() in inputs or (os.path.exists(job.output) and job.output.samefile(job.source.path)):
            raise MienError(f"{job.output} would take the place of the input.", "Write to another path.")
    _refuse_to_replace(reads, jobs)
    origins: dict[Path, Path] = {}
    for job in (job for job in jobs if job.source.kind != "unreadable"):
        origin = origins.setdefault(job.output, job.source.path)
        if origin != job.source.path:
            raise MienError(
                f"{origin} and {job.source.path} would both become {job.output}.",
                "Rename one of the two, or move it to another folder.",
            )
    # A link that leads nowhere would be lost as well.
    standing = [job.output for job in jobs if os.path.lexists(job.output)]
    if standing and not overwrite:
        more = f" and {len(standing) - 1} more" if len(standing) > 1 else ""
        raise MienError(f"{standing[0]}{more} would be overwritten.", "Add --overwrite, or write to another path.")


def _refuse_to_replace(reads: Sequence[Path], jobs: Sequence[Job]) -> None:
    """Raises MienError if an output would take the place of something else that the user named to be read."""
    files = {path.resolve(): path for path in reads if not path.is_dir()}
    folders = {path.resolve(): path for path in reads if path.is_dir()}
    for output in (job.output for job in jobs if os.path.lexists(job.output)):
        resolved = output.resolve()
        replaced = files.get(resolved) or next((path for path in files.values() if _is_same(path, output)), None)
        if replaced is None:
            replaced = next((path for folder, path in folders.items() if resolved.is_relative_to(folder)), None)
        if replaced is not None:
            which = f"a file of {replaced}, which" if replaced.is_dir() else f"{replaced}, which"
            which = "a file that" if replaced == output else which
            raise MienError(f"{output} would take the place of {which} is read, too.", "Write to another path.")


def _is_same(path: Path, output: Path) -> bool:
    """Whether two paths lead to one file, as hard links do."""
    with suppress(OSError):
        return path.samefile(output)
    return False


def run_jobs(
    jobs: Sequence[Job],
    source: Path,
    output: Path,
    report: type[Report],
    *,
    image: Callable[[Job], Report],
    images: Callable[[Sequence[Job]], list[Report]],
    video: Callable[[Job, VideoSource], Report],
    part: Part = WHOLE,
) -> tuple[Report, ...]:
    """Do a single file, or a folder's images and then its videos; the reports come in the order of the paths.

    jobs: what `list_jobs(source, output)` gave. report: what the reports are, to make those of files that fail.
    image, images: do one that was named itself, and those of a folder. video: does one that is whole. part: of videos,
    from when to when; a folder's images are done as they are.
    Whatever one of a folder's videos raises stands in its report, except that the disk is full or nothing may be
    written. Raises MienError as these do, and for a part of an image that was named itself.
    """
    if not source.is_dir():
        (job,) = jobs
        if job.source.kind != "image":
            return (video(job, open_whole(job.source.path, part)),)
        if part:
            raise MienError(f"{job.source.path} is an image, which has no time.", "Leave out --start and --end.")
        return (image(job),)
    with writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    done = images([job for job in jobs if job.source.kind == "image"])
    for job in jobs:
        if job.source.kind == "unreadable":
            done.append(report(job.source.path, None, failure=job.source.reason))
        elif job.source.kind == "video":
            done.append(_one_of_many(job, report, video, part))
    return tuple(sorted(done, key=lambda file: file.source))


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file of a folder, for a worker elsewhere."""

    job: Job
    folders: tuple[Path, Path]
    """One that the file lies in, and one that its result does."""

    def __str__(self) -> str:
        return str(self.job.source.path)


def elsewhere(
    executor: Executor,
    init: WorkerInit[FileTask, object, Report],
    jobs: Sequence[Job],
    output: Path,
    progress: Progress,
) -> tuple[Report, ...]:
    """Have an executor do the files of a folder, one to a task; the reports come in the order of the paths.

    Raises MienError as `run_jobs` does, and if a worker cannot be made.
    """
    with writing_to(output):
        output.mkdir(parents=True, exist_ok=True)
    progress.start("files", len(jobs))
    tasks = [FileTask(job, (job.source.path.parent, output)) for job in jobs]
    done: list[Report] = []
    with closing(run_tasks(executor, init, tasks)) as steps:
        for step in steps:
            if isinstance(step, TaskDone):
                done.append(step.result)
                progress.advance()
    return tuple(sorted(done, key=lambda file: file.source))


def _one_of_many(job: Job, report: type[Report], video: Callable[[Job, VideoSource], Report], part: Part) -> Report:
    try:
        return video(job, open_whole(job.source.path, part))
    except NothingCanBeWritten:
        raise
    except Exception as error:  # one file never ends a folder, whatever it raises
        return report(job.source.path, None, failure=failure_of(error))


def failure_of(error: Exception) -> str:
    """Why a file failed, for its report; of what is no MienError also what kind of defect it is."""
    if isinstance(error, MienError):
        return str(error)
    return f"{type(error).__name__}: {error}\nThis is a defect: please report it, with what the file alone prints."


def open_whole(path: Path, part: Part = WHOLE) -> VideoSource:
    """A video, or a part of it. Raises MienError if it ends too early, or shows nothing in that part."""
    video = open_video(path).within(part)
    video.check_whole()
    return video
