"""An image, a video or a folder, with other faces: from the run and the user's paths to the finished files."""

import time
from pathlib import Path

from mien.inference.blender_selection import AUTO, candidates_for, choose_blender
from mien.inference.images import swap_image, swap_images
from mien.inference.job_runner import run_jobs
from mien.inference.jobs import list_jobs
from mien.inference.report import FileReport, SwapReport
from mien.inference.session import Session
from mien.inference.target import OnePerson
from mien.inference.video import swap_video
from mien.media.video_writer import DEFAULT_QUALITY, check_quality
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent


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
    """Draw the faces of an image, of a video, or of all images and videos of a folder, as a person of a run.

    run: folder of a trained run. source: a file or folder; output: where to, of the same kind. A folder's tree is
    mirrored; a file of it that cannot be swapped does not end the run, but stands in the report, and an image in which
    nothing is to be drawn is copied as it is.
    identity: whom to draw, one of the run's people. person: an image of the person whose faces are to be drawn anew;
    None: every face. blender: a plugin choice, as `name:key=value`; "auto": the best of those installed, as
    `choose_blender` finds it, with a sheet that shows them all beside the output, or in it if it is a folder.
    extractor: a plugin choice, what searches for faces; None: what the run's datasets were made with. quality: of
    videos, see `VideoSink`.
    overwrite: whether files may be replaced. threads: so many search for faces at once; None: one for each core.
    device: where the model draws, as torch names it; None: a GPU if torch sees one, else the CPU.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.

    What is drawn is labelled as synthetic (see `mien.media.provenance`). Each file appears whole or not at all.

    Returns what came of each file, how long it took, and which blender was taken.
    Raises MienError, with nothing lost: for a quality off its scale; a run that is missing, untrained or needs a plugin
    that is not installed; an identity that it does not know, or a model that draws only people who do not exist; all
    that `list_jobs` refuses; a full disk or a missing permission. For a single file also if it is unreadable or
    damaged, or an image in which nothing is to be drawn.
    """
    check_quality(quality)
    jobs = list_jobs(source, output, overwrite=overwrite)
    registry = registry or Registry()
    candidates = None
    if blender == AUTO:
        candidates = candidates_for(jobs, source, output, overwrite=overwrite, registry=registry)
    session = Session.open(
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
        comparison = choose_blender(jobs, session, candidates)
        blender = comparison.chosen
        session = session.blending_with(blender, registry)
    files = run_jobs(
        jobs,
        source,
        output,
        FileReport,
        image=lambda job: swap_image(job, session),
        images=lambda images: swap_images(images, session),
        video=lambda job, video: swap_video(job, video, session),
    )
    return SwapReport(files, time.perf_counter() - start, session.clock.seconds, blender, comparison)
