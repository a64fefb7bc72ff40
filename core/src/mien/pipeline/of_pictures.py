"""Pictures, each for itself: reading, finding, drawing, blending and writing overlap."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from mien.errors import MienError
from mien.face import RgbImage
from mien.files import whole_file
from mien.pictures import read_picture, write_picture
from mien.pipeline.drawing import Scene
from mien.pipeline.report import FileReport, as_ranges
from mien.pipeline.stages import ordered_map
from mien.pipeline.targets import Job
from mien.pipeline.tracking import TrackedFace, untracked
from mien.pipeline.workshop import Workshop

PICTURES_AHEAD = 2
"""So many pictures wait between two stages."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture and its faces; or why it has none of both."""

    job: Job
    image: RgbImage | None = None
    faces: Sequence[TrackedFace] = ()
    failure: MienError | None = None


def swap_picture(job: Job, shop: Workshop) -> FileReport:
    """Swap one picture.

    Raises MienError if it is unreadable, if there is nothing to be drawn in it, or if it cannot be written.
    """
    looked = look_at(job, shop)
    if looked.failure:
        raise looked.failure
    looked = _only_wanted(looked, shop)
    if not looked.faces:
        who = "The person's face" if shop.only else "No face"
        raise MienError(
            f"{who} was {'not ' if shop.only else ''}found in {job.source.path}; nothing was written.",
            "Give a picture that shows the face larger or less turned.",
        )
    shop.progress.start(job.source.path.name, 1)
    return next(iter(_swapped([looked], shop)))


def swap_pictures(jobs: Sequence[Job], shop: Workshop) -> list[FileReport]:
    """Swap the pictures of a folder. One in which nothing is to be drawn is copied as it is.

    One that is unreadable stands in its report. Raises MienError if a plugin other than the extractor fails, or if an
    output cannot be written: the disk is full, or a permission is missing.
    """
    shop.progress.start("pictures", len(jobs))
    failed: list[FileReport] = []

    def readable(looked: Iterable[Looked]) -> Iterator[Looked]:
        for one in looked:
            if one.failure:
                failed.append(FileReport(one.job.source.path, None, failure=str(one.failure)))
            else:
                yield _only_wanted(one, shop)

    with closing(ordered_map(lambda job: look_at(job, shop), jobs, shop.threads, 2 * shop.threads)) as looked:
        done = list(_swapped(readable(looked), shop))
    return done + failed


def look_at(job: Job, shop: Workshop) -> Looked:
    """Read a picture and find its faces; what goes wrong stands in the result. May be called by several threads."""
    try:
        with shop.clock.running("decode"):
            image = read_picture(job.source.path)
        faces = untracked(shop.finder.find(image))
        return Looked(job, image, faces)
    except MienError as error:
        return Looked(job, failure=error)


def _only_wanted(looked: Looked, shop: Workshop) -> Looked:
    """Apart from `_look`, since that runs in several threads and a feature in one."""
    if shop.only is None or looked.image is None:
        return looked
    return replace(looked, faces=shop.only.of_picture(looked.image, looked.faces))


def _swapped(pictures: Iterable[Looked], shop: Workshop) -> Iterator[FileReport]:
    scenes = (Scene(one.image, one.faces, one.job) for one in pictures if one.image is not None)
    with shop.redrawn(scenes, PICTURES_AHEAD) as blended:
        for scene, image in blended:
            job = scene.ticket
            with shop.clock.running("encode"):
                _write(job, image, shop, is_drawn=bool(scene.faces))
            report = FileReport(job.source.path, job.output, 1, len(scene.faces))
            shop.progress.advance(1)
            yield report if scene.faces else replace(report, missed=as_ranges([0]))


def _write(job: Job, image: RgbImage, shop: Workshop, *, is_drawn: bool) -> None:
    if is_drawn:
        write_picture(job.output, image, synthetic=shop.provenance)
    elif job.output.suffix == job.source.path.suffix:
        with whole_file(job.output) as partial:
            shutil.copyfile(job.source.path, partial)
    else:
        write_picture(job.output, image, synthetic=None)
