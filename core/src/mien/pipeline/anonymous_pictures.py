"""Pictures, each for itself: new faces, or nothing that could be recognised where none was found."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mien.errors import MienError
from mien.face import RgbImage
from mien.pictures import read_picture, write_picture
from mien.pipeline.checking import distances_to_originals
from mien.pipeline.drawing import Scene
from mien.pipeline.hiding import hidden
from mien.pipeline.of_pictures import PICTURES_AHEAD, Looked, look_at
from mien.pipeline.report import AnonymizedFile, Check, as_ranges
from mien.pipeline.rules import Rules, unchecked
from mien.pipeline.stages import ordered_map
from mien.pipeline.survey import encode
from mien.pipeline.targets import Job
from mien.pipeline.workshop import Workshop


def anonymize_picture(job: Job, shop: Workshop, rules: Rules) -> AnonymizedFile:
    """Anonymize one picture.

    Raises MienError if it is unreadable, if no face is found and that is to be refused, or if it cannot be written.
    """
    looked = look_at(job, shop)
    if looked.failure:
        raise looked.failure
    if error := _refusal(looked, rules):
        raise error
    shop.progress.start(job.source.path.name, 1)
    return next(iter(_anonymized([looked], shop, rules)))


def anonymize_pictures(jobs: Sequence[Job], shop: Workshop, rules: Rules) -> list[AnonymizedFile]:
    """Anonymize the pictures of a folder. One that is unreadable, or is refused, stands in its report.

    Raises MienError if a plugin other than the extractor fails, or if an output cannot be written.
    """
    shop.progress.start("pictures", len(jobs))
    failed: list[AnonymizedFile] = []

    def usable(looked: Iterable[Looked]) -> Iterator[Looked]:
        for one in looked:
            if error := one.failure or _refusal(one, rules):
                failed.append(AnonymizedFile(one.job.source.path, None, failure=str(error)))
            else:
                yield one

    with closing(ordered_map(lambda job: look_at(job, shop), jobs, shop.threads, 2 * shop.threads)) as looked:
        done = list(_anonymized(usable(looked), shop, rules))
    return done + failed


def _refusal(looked: Looked, rules: Rules) -> MienError | None:
    if looked.faces or rules.missing != "refuse":
        return None
    return MienError(
        f"{looked.job.source.path}: no face was found; nothing was written.",
        "--missing hide hides the whole picture; --extractor and --also-find may find a face; "
        "--missing keep leaves it as it is",
    )


def _anonymized(pictures: Iterable[Looked], shop: Workshop, rules: Rules) -> Iterator[AnonymizedFile]:
    scenes = (
        Scene(one.image, one.faces, one.job, [rules.stranger(one.job, face.track) for face in one.faces])
        for one in pictures
        if one.image is not None
    )
    with shop.redrawn(scenes, PICTURES_AHEAD) as drawn:
        for scene, image in drawn:
            yield _written(scene, image, shop, rules)
            shop.progress.advance(1)


def _written(scene: Scene[Job], image: RgbImage, shop: Workshop, rules: Rules) -> AnonymizedFile:
    job = scene.ticket
    is_hidden = not scene.faces and rules.missing == "hide"
    with unchecked(job.output) as draft:
        with shop.clock.running("encode"):
            # Never the file itself: it may say where it was taken, and by whom.
            provenance = shop.provenance if scene.faces or is_hidden else None
            write_picture(draft, hidden(image) if is_hidden else image, synthetic=provenance)
        check = _checked(draft, scene, shop, rules)
        output, rejected, failure = rules.put_in_place(draft, job, check)
    missed = () if scene.faces else as_ranges([0])
    return AnonymizedFile(
        source=job.source.path,
        output=output,
        frames=1,
        faces=len(scene.faces),
        missed=missed,
        failure=failure,
        people=len(scene.faces),
        hidden=missed if is_hidden else (),
        check=check,
        rejected=rejected,
    )


def _checked(path: Path, scene: Scene[Job], shop: Workshop, rules: Rules) -> Check | None:
    """Compare the faces of the picture that was written with those that were there."""
    recognizer = rules.checks
    if recognizer is None:
        return None
    places = [face.landmarks for face in scene.faces]
    with shop.clock.running("check"):
        originals = list(encode(recognizer, scene.image, places)) if places else []
        distances = distances_to_originals(read_picture(path), places, originals, shop.finder, recognizer)
    return Check(tuple(distances), recognizer.same_person_below)
