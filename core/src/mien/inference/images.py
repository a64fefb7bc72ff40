"""Images, each for itself: reading, finding, drawing, blending and writing overlap."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from mien.contracts.face import Face, RgbImage
from mien.counted import counted
from mien.errors import MienError
from mien.inference.jobs import Job, Report, failure_of
from mien.inference.report import FileReport, as_ranges
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.media.files import NothingCanBeWritten, whole_file
from mien.media.images import LoadedFile, load_file, lost_in, write_image
from mien.media.provenance import Provenance
from mien.tracking.tracker import TrackedFace, untracked
from mien.workers.threads import ordered_map

IMAGES_AHEAD = 2
"""So many images wait between two stages."""


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image and its faces; or why it has none of both."""

    job: Job
    image: RgbImage | None = None
    faces: Sequence[TrackedFace] = ()
    file: LoadedFile | None = None
    """What the file says beside the image."""
    failure: MienError | None = None


def swap_image(job: Job, session: Session) -> FileReport:
    """Swap one image.

    Raises MienError if it is unreadable, if there is nothing to be drawn in it, or if it cannot be written.
    """
    loaded = load_image(job, session)
    if loaded.failure:
        raise loaded.failure
    loaded = _only_wanted(loaded, session)
    if not any(session.generator.can_draw(face) for face in loaded.faces):
        raise _nothing_to_draw(loaded, session)
    session.progress.start(job.source.path.name, 1)
    return next(iter(_swapped([loaded], session)))


def swap_images(jobs: Sequence[Job], session: Session) -> list[FileReport]:
    """Swap the images of a folder. One in which nothing is to be drawn is copied as it is.

    One that fails, whatever it raises, stands in its report. Raises MienError if no output can be written: the disk is
    full, or a permission is missing.
    """
    session.progress.start("images", len(jobs))

    def swapped(some: Sequence[Job]) -> Iterator[FileReport]:
        failed: list[FileReport] = []

        def readable(loaded: Iterable[LoadedImage]) -> Iterator[LoadedImage]:
            for image in loaded:
                if image.failure:
                    failed.append(FileReport(image.job.source.path, None, failure=str(image.failure)))
                else:
                    yield _only_wanted(image, session)

        with closing(
            ordered_map(lambda job: load_image(job, session), some, session.threads, 2 * session.threads)
        ) as loaded:
            yield from _swapped(readable(loaded), session)
        yield from failed

    return each_image(jobs, swapped, FileReport)


def each_image(
    jobs: Sequence[Job], work: Callable[[Sequence[Job]], Iterator[Report]], report: type[Report]
) -> list[Report]:
    """The reports of all images of a folder, done together; if that fails, each that is left is done for itself.

    work: does some of them, and gives their reports as they are done. Raises what makes all fail: a full disk.
    """
    reports: dict[Path, Report] = {}
    try:
        for one in work(jobs):
            reports[one.source] = one
    except NothingCanBeWritten:
        raise
    except Exception:  # one image never ends a folder, whatever it raises
        for job in (job for job in jobs if job.source.path not in reports):
            reports[job.source.path] = _alone(job, work, report)
    return list(reports.values())


def _alone(job: Job, work: Callable[[Sequence[Job]], Iterator[Report]], report: type[Report]) -> Report:
    try:
        (done,) = work([job])
        return done
    except NothingCanBeWritten:
        raise
    except Exception as error:
        return report(job.source.path, None, failure=failure_of(error))


def load_image(job: Job, session: Session, find: Callable[[RgbImage], Sequence[Face]] | None = None) -> LoadedImage:
    """Read an image and find its faces; what goes wrong stands in the result. May be called by several threads.

    find: what finds them; None: the session's detector.
    """
    try:
        with session.clock.running("decode"):
            file = load_file(job.source.path, deep=True)
        faces = untracked((find or session.detector.find)(file.image))
        return LoadedImage(job, file.image, faces, file)
    except MienError as error:
        return LoadedImage(job, failure=error)


def _nothing_to_draw(loaded: LoadedImage, session: Session) -> MienError:
    path, extractor = loaded.job.source.path, session.detector.choice
    if loaded.faces:
        return MienError(
            f"{extractor} finds {counted(len(loaded.faces), 'face')} in {path}, but not the landmarks by which one is "
            "drawn; nothing was written.",
            f"--extractor {extractor}+NAME, with an extractor that measures them (mien plugins lists those installed)",
        )
    who = "The person's face was not" if session.person_filter else "No face was"
    return MienError(
        f"{who} found in {path}; nothing was written.", "Give an image that shows the face larger or less turned."
    )


def _only_wanted(loaded: LoadedImage, session: Session) -> LoadedImage:
    """Apart from `load_image`, since that runs in several threads and a feature in one."""
    if session.person_filter is None or loaded.image is None:
        return loaded
    return replace(loaded, faces=session.person_filter.of_image(loaded.image, loaded.faces))


def _swapped(images: Iterable[LoadedImage], session: Session) -> Iterator[FileReport]:
    scenes = (
        Scene(loaded.image, session.generator.drawable(loaded.faces), loaded)
        for loaded in images
        if loaded.image is not None
    )
    with session.redrawn(scenes, IMAGES_AHEAD) as blended:
        for scene, image in blended:
            job = scene.context.job
            with session.clock.running("encode"):
                said = session.provenance_of({face.method for face in scene.faces})
                is_copy = _write(job, image, scene.context.file, said)
            undrawn = len(scene.context.faces) - len(scene.faces)
            notes = lost_in(scene.context.file, job.output) if scene.context.file and not is_copy else ()
            notes += session.not_found({face.method for face in scene.context.faces}) if scene.faces else ()
            report = FileReport(job.source.path, job.output, 1, len(scene.faces), undrawn=undrawn, notes=notes)
            session.progress.advance(1)
            yield report if scene.faces else replace(report, no_face=as_ranges([0]))


def _write(job: Job, image: RgbImage, file: LoadedFile | None, said: Provenance | None) -> bool:
    """Write the image, or copy the file if nothing was drawn (said: None); whether it is a copy."""
    exif = file.exif if file else None
    if said:
        write_image(job.output, image, synthetic=said, exif=exif, like=file)
        return False
    if job.output.suffix == job.source.path.suffix:
        with whole_file(job.output) as partial:
            shutil.copyfile(job.source.path, partial)
        return True
    write_image(job.output, image, synthetic=None, exif=exif, like=file)
    return False
