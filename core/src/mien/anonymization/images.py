"""Images, each for itself: new faces, or nothing that could be recognised where none was found."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mien.anonymization.analysis import encode
from mien.anonymization.policy import Rules, unchecked
from mien.anonymization.redaction import hidden
from mien.anonymization.verification import distances_to_originals
from mien.contracts.face import RgbImage
from mien.errors import MienError
from mien.inference.generator import Scene
from mien.inference.images import IMAGES_AHEAD, LoadedImage, load_image
from mien.inference.jobs import Job
from mien.inference.report import AnonymizedFile, Check, as_ranges
from mien.inference.session import Session
from mien.media.images import read_image, write_image
from mien.workers.threads import ordered_map


def anonymize_image(job: Job, session: Session, rules: Rules) -> AnonymizedFile:
    """Anonymize one image.

    Raises MienError if it is unreadable, if no face is found and that is to be refused, or if it cannot be written.
    """
    loaded = load_image(job, session)
    if loaded.failure:
        raise loaded.failure
    if error := _refusal(loaded, rules):
        raise error
    session.progress.start(job.source.path.name, 1)
    return next(iter(_anonymized([loaded], session, rules)))


def anonymize_images(jobs: Sequence[Job], session: Session, rules: Rules) -> list[AnonymizedFile]:
    """Anonymize the images of a folder. One that is unreadable, or is refused, stands in its report.

    Raises MienError if a plugin other than the extractor fails, or if an output cannot be written.
    """
    session.progress.start("images", len(jobs))
    failed: list[AnonymizedFile] = []

    def usable(loaded: Iterable[LoadedImage]) -> Iterator[LoadedImage]:
        for one in loaded:
            if error := one.failure or _refusal(one, rules):
                failed.append(AnonymizedFile(one.job.source.path, None, failure=str(error)))
            else:
                yield one

    with closing(
        ordered_map(lambda job: load_image(job, session), jobs, session.threads, 2 * session.threads)
    ) as loaded:
        done = list(_anonymized(usable(loaded), session, rules))
    return done + failed


def _refusal(loaded: LoadedImage, rules: Rules) -> MienError | None:
    if loaded.faces or rules.missing != "refuse":
        return None
    return MienError(
        f"{loaded.job.source.path}: no face was found; nothing was written.",
        "--missing hide hides the whole image; --extractor and --also-find may find a face; "
        "--missing keep leaves it as it is",
    )


def _anonymized(images: Iterable[LoadedImage], session: Session, rules: Rules) -> Iterator[AnonymizedFile]:
    scenes = (
        Scene(one.image, one.faces, one.job, [rules.synthetic_person(one.job, face.track) for face in one.faces])
        for one in images
        if one.image is not None
    )
    with session.redrawn(scenes, IMAGES_AHEAD) as drawn:
        for scene, image in drawn:
            yield _written(scene, image, session, rules)
            session.progress.advance(1)


def _written(scene: Scene[Job], image: RgbImage, session: Session, rules: Rules) -> AnonymizedFile:
    job = scene.context
    is_hidden = not scene.faces and rules.missing == "hide"
    with unchecked(job.output) as draft:
        with session.clock.running("encode"):
            # Never the file itself: it may say where it was taken, and by whom.
            provenance = session.provenance if scene.faces or is_hidden else None
            write_image(draft, hidden(image) if is_hidden else image, synthetic=provenance)
        check = _checked(draft, scene, session, rules)
        output, rejected, failure = rules.put_in_place(draft, job, check)
    no_face = () if scene.faces else as_ranges([0])
    return AnonymizedFile(
        source=job.source.path,
        output=output,
        frames=1,
        faces=len(scene.faces),
        no_face=no_face,
        failure=failure,
        people=len(scene.faces),
        hidden=no_face if is_hidden else (),
        check=check,
        rejected=rejected,
    )


def _checked(path: Path, scene: Scene[Job], session: Session, rules: Rules) -> Check | None:
    """Compare the faces of the image that was written with those that were there."""
    recognizer = rules.checks
    if recognizer is None:
        return None
    places = [face.landmarks for face in scene.faces]
    with session.clock.running("check"):
        originals = list(encode(recognizer, scene.image, places)) if places else []
        distances = distances_to_originals(read_image(path), places, originals, session.detector, recognizer)
    return Check(tuple(distances), recognizer.same_person_below)
