"""A picture, a video or a folder, with other faces: from the run and the user's paths to the finished files."""

import time
from pathlib import Path

from mien.pipeline.choose_blender import AUTO, candidates_for, choose_blender
from mien.pipeline.each_file import each_file
from mien.pipeline.of_pictures import swap_picture, swap_pictures
from mien.pipeline.of_video import swap_video
from mien.pipeline.report import FileReport, SwapReport
from mien.pipeline.targets import jobs_of
from mien.pipeline.whom import OnePerson
from mien.pipeline.workshop import Workshop
from mien.progress import Progress, Silent
from mien.registry import Registry
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
    None: every face. blender: a plugin choice, as `name:key=value`; "auto": the best of those installed, as
    `choose_blender` finds it, with a sheet that shows them all beside the output, or in it if it is a folder.
    extractor: a plugin choice, what searches for faces; None: what the run's datasets were made with. quality: of
    videos, see `VideoSink`.
    overwrite: whether files may be replaced. threads: so many search for faces at once; None: one for each core.
    device: where the model draws, as torch names it; None: a GPU if torch sees one, else the CPU.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.

    What is drawn is labelled as synthetic (see `mien.provenance`). Each file appears whole or not at all.

    Returns what came of each file, how long it took, and which blender was taken.
    Raises MienError, with nothing lost: for a quality off its scale; a run that is missing, untrained or needs a plugin
    that is not installed; an identity that it does not know, or a model that draws only people who do not exist; all
    that `jobs_of` refuses; a full disk or a missing permission. For a single file also if it is unreadable or damaged,
    or a picture in which nothing is to be drawn.
    """
    check_quality(quality)
    jobs = jobs_of(source, output, overwrite=overwrite)
    registry = registry or Registry()
    candidates = None
    if blender == AUTO:
        candidates = candidates_for(jobs, source, output, overwrite=overwrite, registry=registry)
    shop = Workshop.open(
        run,
        OnePerson(identity),
        blender=candidates.default if candidates else blender,
        extractor=extractor,
        person=person,
        quality=quality,
        threads=threads,
        device=device,
        progress=progress or Silent(),
        registry=registry,
    )
    start = time.perf_counter()
    comparison = None
    if candidates:
        comparison = choose_blender(jobs, shop, candidates)
        blender = comparison.chosen
        shop = shop.blending_with(blender, registry)
    files = each_file(
        jobs,
        source,
        output,
        FileReport,
        picture=lambda job: swap_picture(job, shop),
        pictures=lambda pictures: swap_pictures(pictures, shop),
        video=lambda job, video: swap_video(job, video, shop),
    )
    return SwapReport(files, time.perf_counter() - start, shop.clock.seconds, blender, comparison)
