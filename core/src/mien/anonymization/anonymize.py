"""An image, a video or a folder, with the faces of people who do not exist, and no frame that shows who was there."""

import time
from dataclasses import replace
from pathlib import Path

from mien.anonymization.images import anonymize_image, anonymize_images
from mien.anonymization.method import default_method
from mien.anonymization.policy import AnonymizeOptions, Policy
from mien.anonymization.search import FaceSearch, default_extractors
from mien.anonymization.staged_output import StagedOutput
from mien.anonymization.verification import LeakSearch
from mien.anonymization.video import anonymize_video
from mien.errors import MienError
from mien.inference.jobs import list_jobs, run_jobs
from mien.inference.plugins_used import plugins_used
from mien.inference.report import AnonymizedFile, AnonymizeReport
from mien.inference.session import Session, SessionOptions
from mien.inference.target import check_seed
from mien.media.video_writer import check_quality
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.training.run import TrainedRun


def anonymize(
    source: Path,
    output: Path,
    *,
    method: Path | str | None = None,
    seed: int = 0,
    options: AnonymizeOptions | None = None,
    session: SessionOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> AnonymizeReport:
    """Hide every face of an image, of a video, or of all of a folder, or draw it as somebody who does not exist.

    source: a file or folder; output: where to, of the same kind; as with `mien.swap`, a folder's tree is mirrored, and
    a file that fails stands in the report.
    method: what draws or hides faces: a model that needs no run, as `blocks:count=6`, or a run whose model draws
    synthetic people: its folder, or the name of an installed one; None: what `default_method` says.

    seed: whom to draw. A person of a video is the same synthetic person in all its frames, also after they were lost or
    the video was cut, if a feature that tells people apart is installed. In an image every face is a person of its own.
    The synthetic people follow from the seed, a file's path below the source, and who appears first in it.
    options: what becomes of faces, and of frames in which a face may have been missed; None: the safe defaults.
    session: how faces are drawn and set in, but without "auto" blender; None: the defaults. Its extractor searches as
    `mien.anonymization.search` says; None: those that find most (`default_extractors`), not the run's. A face that is
    found but has not the points that the model needs is hidden in every frame, and so is what only may be a face. Its
    recognizer also compares new faces with the original ones.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.

    No titles, places or other metadata are carried over. Whatever is drawn or hidden is labelled as synthetic.

    Returns what came of each file: faces drawn, synthetic people, frames hidden, and what the comparison said.
    Raises MienError, with nothing lost: as `mien.swap` does; for a recognizer that was named and cannot be used; for a
    run whose model draws only people that it knows. For a single file also if it is refused.
    """
    how, options = session or SessionOptions(), options or AnonymizeOptions()
    check_quality(how.quality)
    registry, progress = registry or Registry(), progress or Silent()
    how = replace(how, extractor=how.extractor or default_extractors(registry))
    jobs = list_jobs(source, output, overwrite=how.overwrite, done="anonymized")
    check_seed(seed)
    opened = Session.open(method or default_method(registry), options=how, progress=progress, registry=registry)
    opened.require("synthetic")
    opened = opened.saying(_action(opened, seed), is_generated=not opened.run.model.hides)
    tells_apart, why_none = _recognizer(opened.run, how.recognizer, registry)
    if tells_apart:
        opened = opened.using("recognizer", plugins_used({"feature": tells_apart.record.choice}, registry))
    is_exact = not opened.run.model.hides
    search = FaceSearch.open(opened.detector, options.search, opened.threads, registry, exact=is_exact)
    leak_search = LeakSearch.open(search, registry) if options.check else None
    policy = Policy(options, seed, tells_apart, search, leak_search, source, StagedOutput(output))
    start = time.perf_counter()
    files = run_jobs(
        jobs,
        source,
        output,
        AnonymizedFile,
        image=lambda job: anonymize_image(job, opened, policy),
        images=lambda images: anonymize_images(images, opened, policy),
        video=lambda job, video: anonymize_video(job, video, opened, policy),
    )
    return AnonymizeReport(
        files=files,
        seconds=time.perf_counter() - start,
        stage_seconds=opened.clock.seconds,
        blender=opened.blender,
        recognizer=tells_apart.record if tells_apart else None,
        seed=seed,
        not_checked="" if policy.verifier else why_none or "it was not asked for",
    )


def _action(session: Session, seed: int) -> str:
    """What is done to faces, as the provenance label says it."""
    if session.run.model.hides:
        return f"faces hidden by {session.run.record.model}"
    return f"faces drawn as people who do not exist, seed {seed}"


def _recognizer(run: TrainedRun, choice: str | None, registry: Registry) -> tuple[Recognizer | None, str]:
    """What tells people apart; None and the reason if nothing that is installed does.

    Raises MienError for a choice of the user's that cannot be used.
    """
    if choice is not None:
        return Recognizer(registry, choice), ""
    try:
        return Recognizer(registry, run.recognizer), ""
    except MienError as error:
        return None, str(error)
