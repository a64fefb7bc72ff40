"""An image, a video or a folder, with the faces of people who do not exist, and no frame that shows who was there."""

import time
from pathlib import Path

from mien.anonymization.images import anonymize_image, anonymize_images
from mien.anonymization.policy import DEFAULT_MARGIN_SECONDS, AnonymizeOptions, Missing, Policy
from mien.anonymization.staged_output import StagedOutput
from mien.anonymization.video import anonymize_video
from mien.errors import MienError
from mien.inference.job_runner import run_jobs
from mien.inference.jobs import list_jobs
from mien.inference.report import AnonymizedFile, AnonymizeReport
from mien.inference.session import Session, SessionOptions
from mien.inference.target import check_seed
from mien.media.video_writer import DEFAULT_QUALITY, check_quality
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.training.run import TrainedRun


def anonymize(
    run: Path | str,
    source: Path,
    output: Path,
    *,
    blender: str | None = None,
    seed: int = 0,
    extractor: str | None = None,
    recognizer: str | None = None,
    missing: Missing = "hide",
    margin_seconds: float = DEFAULT_MARGIN_SECONDS,
    check: bool = True,
    max_verified: float = 0.0,
    sound: bool = True,
    quality: int = DEFAULT_QUALITY,
    overwrite: bool = False,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> AnonymizeReport:
    """Draw every face of an image, of a video, or of all of a folder, as somebody who does not exist.

    run: folder of a run whose model draws synthetic people. source: a file or folder; output: where to, of the same
    kind; as with `mien.swap`, a folder's tree is mirrored, and a file that fails stands in the report.

    seed: whom to draw. A person of a video is the same synthetic person in all its frames, also after they were lost or
    the video was cut, if a feature that tells people apart is installed. In an image every face is a person of its own.
    The synthetic people follow from the seed, a file's path below the source, and who appears first in it.
    extractor: what finds faces, as a plugin choice, or several joined by `+`, of which each adds the faces that none
    before it found; None: what the run's datasets were made with. A face that is found but has not the points that the
    model needs is hidden in every frame.
    recognizer: what tells people apart, and new faces from the original ones: a feature choice; None: the run's, or
    the default.

    missing: what becomes of an image or frame in which no face was found, and of a frame in which a face was not found
    that is seen before and after it in the same shot. "hide": all of it is hidden. "refuse": nothing is written.
    "keep": it stays as it is. Unless it is "keep", the surroundings of a face are hidden for `margin_seconds` before it
    is found first and after it was found last in a shot, since it may be there without being found. What is hidden
    never covers half a face: it grows over every face that it touches.
    check: whether to compare new faces with the original ones, in up to 50 frames of each file. If more than the
    share `max_verified` of them are still taken for the same person, the file is not put in its place but beside
    `output`, with ".rejected" in its name, and counts as failed.
    sound: whether videos keep theirs; voices tell who speaks. No titles, places or other metadata are carried over.

    blender, quality, overwrite, threads, device, progress, registry: as for `mien.swap`, but no "auto" blender.
    Whatever is drawn or hidden is labelled as synthetic.

    Returns what came of each file: faces drawn, synthetic people, frames hidden, and what the comparison said.
    Raises MienError, with nothing lost: as `mien.swap` does; for a recognizer that was named and cannot be used; for a
    run whose model draws only people that it knows; and for values out of their range. For a single file also if it is
    refused.
    """
    check_quality(quality)
    options = AnonymizeOptions(missing, margin_seconds, check, max_verified, sound)
    registry, progress = registry or Registry(), progress or Silent()
    jobs = list_jobs(source, output, overwrite=overwrite, done="anonymized")
    check_seed(seed)
    session = Session.open(
        run,
        options=SessionOptions(
            extractor=extractor, blender=blender, threads=threads, device=device, quality=quality, overwrite=overwrite
        ),
        progress=progress,
        registry=registry,
    )
    session.require("synthetic")
    session = session.saying(f"faces drawn as people who do not exist, seed {seed}")
    tells_apart, why_none = _recognizer(session.run, recognizer, registry)
    policy = Policy(options, seed, tells_apart, source, StagedOutput(output))
    start = time.perf_counter()
    files = run_jobs(
        jobs,
        source,
        output,
        AnonymizedFile,
        image=lambda job: anonymize_image(job, session, policy),
        images=lambda images: anonymize_images(images, session, policy),
        video=lambda job, video: anonymize_video(job, video, session, policy),
    )
    return AnonymizeReport(
        files=files,
        seconds=time.perf_counter() - start,
        stage_seconds=session.clock.seconds,
        blender=session.blender,
        recognizer=tells_apart.record if tells_apart else None,
        seed=seed,
        not_checked="" if policy.verifier else why_none or "it was not asked for",
    )


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
