"""Images, each for itself: new faces, and redaction where none was found or one cannot be drawn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.anonymization.analysis import Encoding, encode, in_doubt
from mien.anonymization.casting import Seen
from mien.anonymization.policy import Policy
from mien.anonymization.redaction import hidden, redact_regions, regions_of_leaks, regions_of_undrawable
from mien.anonymization.region import Region
from mien.anonymization.verification import distances_to_originals
from mien.contracts.face import Box, RgbImage
from mien.errors import MienError
from mien.inference.images import IMAGES_AHEAD, LoadedImage, each_image, load_image
from mien.inference.jobs import Job
from mien.inference.report import AnonymizedFile, Check, as_ranges
from mien.inference.scene import Scene
from mien.inference.session import Session
from mien.inference.target import SyntheticPerson
from mien.media.images import LoadedFile, lost_in, read_image, write_image
from mien.media.transparency import opaque_within
from mien.tracking.tracker import KEPT, TrackedFace
from mien.workers.threads import ordered_map


def anonymize_image(job: Job, session: Session, policy: Policy) -> AnonymizedFile:
    """Anonymize one image.

    Raises MienError if it is unreadable, if no face is found and that is to be refused, or if it cannot be written.
    """
    loaded = load_image(job, session, policy.search.image)
    if loaded.failure:
        raise loaded.failure
    if error := _refusal(loaded, policy):
        raise error
    session.progress.start(job.source.path.name, 1)
    return next(iter(_anonymized([loaded], session, policy)))


def anonymize_images(jobs: Sequence[Job], session: Session, policy: Policy) -> list[AnonymizedFile]:
    """Anonymize the images of a folder. One that fails, whatever it raises, or is refused, stands in its report.

    Raises MienError if no output can be written.
    """
    session.progress.start("images", len(jobs))

    def anonymized(some: Sequence[Job]) -> Iterator[AnonymizedFile]:
        failed: list[AnonymizedFile] = []

        def usable(loaded: Iterable[LoadedImage]) -> Iterator[LoadedImage]:
            for one in loaded:
                if error := one.failure or _refusal(one, policy):
                    failed.append(AnonymizedFile(one.job.source.path, None, failure=str(error)))
                else:
                    yield one

        with closing(
            ordered_map(
                lambda job: load_image(job, session, policy.search.image), some, session.threads, 2 * session.threads
            )
        ) as loaded:
            yield from _anonymized(usable(loaded), session, policy)
        yield from failed

    return each_image(jobs, anonymized, AnonymizedFile)


def _refusal(loaded: LoadedImage, policy: Policy) -> MienError | None:
    if any(face.sure for face in loaded.faces) or policy.options.missing != "refuse":
        return None
    return MienError(
        f"{loaded.job.source.path}: no face was found; nothing was written.",
        "another --extractor, or several joined by +, may find a face; --missing hide hides the whole image; "
        "--missing keep leaves it as it is",
    )


@dataclass(frozen=True, slots=True)
class _Treated:
    """An image whose faces have their methods."""

    job: Job
    faces: Sequence[TrackedFace]
    encodings: Mapping[int, Encoding]
    """Track → encoding, as far as they were needed so far."""
    file: LoadedFile | None
    notes: tuple[str, ...]
    """On the people that its faces are drawn as."""
    found: frozenset[int]
    """Which of the known people it surely shows."""


def _anonymized(images: Iterable[LoadedImage], session: Session, policy: Policy) -> Iterator[AnonymizedFile]:
    scenes = (_scene(one.image, one, session, policy) for one in images if one.image is not None)
    with policy.methods.redrawn(scenes, IMAGES_AHEAD) as redrawn:
        for scene, image in redrawn:
            yield _written(scene, image, session, policy)
            session.progress.advance(1)


def _scene(image: RgbImage, loaded: LoadedImage, session: Session, policy: Policy) -> Scene[_Treated]:
    encodings: dict[int, Encoding] = {}
    measured = [face for face in loaded.faces if face.sure and face.landmarks is not None]
    if measured and policy.encodes_images and policy.recognizer:
        with session.clock.running("check"):
            encodings = dict(
                zip([face.track for face in measured], encode(policy.recognizer, image, measured), strict=True)
            )
    faces = policy.treatment.of_image(loaded.faces, encodings)
    people = {
        face.track: encodings[face.track][None] if face.track in encodings else np.zeros((0, 0), np.float32)
        for face in faces
        if face.method != KEPT
    }
    with session.clock.running("check"):
        targets = policy.targets(
            loaded.job, people, {face.track: [Seen(image, face)] for face in faces if face.track in people}
        )
    found = policy.treatment.found_in_image(loaded.faces, encodings)
    return targets.scene(image, faces, _Treated(loaded.job, faces, encodings, loaded.file, targets.notes, found))


def _written(scene: Scene[_Treated], image: RgbImage, session: Session, policy: Policy) -> AnonymizedFile:
    job, faces = scene.context.job, scene.context.faces
    is_missing = not any(face.sure for face in faces)
    is_hidden = is_missing and policy.options.missing == "hide"
    regions = regions_of_undrawable(faces, policy.methods.can_draw)
    leaks: Sequence[Box] = ()
    with policy.outputs.draft(job.output) as draft:

        def write() -> Sequence[Box]:
            """Write what may be shown; returns where it still shows a face."""
            with session.clock.running("encode"):
                # Never the file itself: it may say where it was taken, and by whom.
                said = policy.provenance.of(faces, hides=bool(regions) or is_hidden)
                shown = hidden(image) if is_hidden else redact_regions(image, regions)
                like = _opaque(scene.context.file, regions, whole=is_hidden)
                write_image(draft, shown, synthetic=said, like=like)
            if policy.leak_search is None or is_hidden:
                return ()
            return policy.leak_search.leaks(read_image(draft), faces, regions)

        left = leaks = write()
        if leaks:
            regions += regions_of_leaks(leaks, faces)
            left = write()
        check = _verify(draft, scene, session, policy)
        output, rejected, failure = policy.put_in_place(draft, job, check, len(left))
    no_face = as_ranges([0]) if is_missing else ()
    kept = sum(face.method == KEPT for face in faces)
    return AnonymizedFile(
        source=job.source.path,
        output=output,
        frames=1,
        faces=len(scene.faces),
        undrawn=0 if is_hidden else len(faces) - len(scene.faces) - kept,
        doubtful=0 if is_hidden else sum(in_doubt(face) for face in faces),
        no_face=no_face,
        notes=(*(lost_in(scene.context.file, job.output) if scene.context.file else ()), *scene.context.notes),
        failure=failure,
        people=len(scene.faces),
        synthetic_ids=frozenset(
            target.id
            for face, target in zip(scene.faces, scene.targets or (), strict=True)
            if policy.methods.can_cast(face) and isinstance(target, SyntheticPerson)
        ),
        found=tuple(sorted(scene.context.found)),
        kept=kept,
        hidden=no_face if is_hidden else (),
        hidden_in_part=as_ranges([0]) if regions and not is_hidden else (),
        check=check,
        leaks=len(leaks),
        rejected=rejected,
    )


def _opaque(file: LoadedFile | None, regions: Sequence[Region], *, whole: bool) -> LoadedFile | None:
    """The file with its transparency only where nothing is hidden."""
    if file is None or file.alpha is None:
        return file
    return replace(file, alpha=None if whole else opaque_within(file.alpha, (one.pixels for one in regions)))


def _verify(path: Path, scene: Scene[_Treated], session: Session, policy: Policy) -> Check | None:
    """Compare the faces of the image that was written with the original ones."""
    recognizer = policy.verifier
    if recognizer is None:
        return None
    faces = [face for face in scene.faces if face.landmarks is not None]
    with session.clock.running("check"):
        known = scene.context.encodings
        new = [face for face in faces if face.track not in known]
        known = (
            {**known, **dict(zip([face.track for face in new], encode(recognizer, scene.image, new), strict=True))}
            if new
            else known
        )
        originals = [known[face.track] for face in faces]
        distances = distances_to_originals(
            read_image(path), faces, originals, policy.search, policy.methods, recognizer
        )
    return policy.check_of(distances, recognizer)
