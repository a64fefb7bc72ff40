"""From images and videos to a dataset of faces: the public call."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mien.counted import counted
from mien.dataset.format import Dataset
from mien.dataset.info import FACES, NEXT_FACES, OLD_FACES, DatasetInfo, FeatureInfo, People, finish_swap, read_info
from mien.dataset.job import Job
from mien.dataset.options import PreprocessOptions, dataset_alignment
from mien.dataset.recipe import Recipe, described, extractor_text
from mien.dataset.update import add_features, follow_sources, make
from mien.errors import MienError
from mien.media.discovery import passed_over
from mien.media.files import held_alone, writing_to
from mien.media.given_paths import require_paths
from mien.media.part import WHOLE, Part, clock_of
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.masker_set import MaskerSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer, default_recognizer
from mien.tracking.recognizer_record import RecognizerRecord, StoredEncoding
from mien.workers import Executor


@dataclass(frozen=True, slots=True)
class PreprocessReport:
    """What came of preprocessing."""

    dataset: Dataset
    images_done: int
    """Images and frames that this run went through; the others were done before."""
    seconds: float
    """Of this run, start-up and writing included."""
    features_added: tuple[str, ...]
    """Keys of the features that were computed for faces that were there already."""
    up_to_date: bool
    """Whether there was nothing to do."""
    passed_over: tuple[Path, ...] = ()
    """Files in the folders of the sources that are neither images nor videos, and folders that are only linked to."""

    @property
    def read(self) -> int:
        """Images and frames that were read, in the whole dataset."""
        return self.dataset.info.counts.read

    @property
    def faces(self) -> int:
        """Faces in the whole dataset."""
        return self.dataset.info.count

    @property
    def reasons(self) -> dict[str, int]:
        """Why something is not among the faces → how often, in the whole dataset."""
        return self.dataset.info.reasons

    @property
    def no_mask(self) -> int:
        """Faces in the whole dataset of whose crops the maskers leave less than 1 % as face."""
        return self.dataset.info.counts.no_mask

    @property
    def images_per_second(self) -> float:
        """Of this run."""
        return self.images_done / self.seconds


def preprocess(
    dataset: Path | str,
    sources: Sequence[Path | str] | None = None,
    *,
    options: PreprocessOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> PreprocessReport:
    """Find, cut out and measure the faces of images and videos, and write DATASET/faces.

    Stopped at any point and called again, it continues. On a dataset that is there already, only what is new is done:
    new and changed sources, features it has not. Sources that are gone, or not named any more, drop out with their
    faces.

    - dataset: the DATASET folder.
    - sources: images, videos and folders, all of them: what a dataset was made from before and is not named now drops
      out of it. None: those the dataset was made from; for a new one, DATASET/raw.
    - options: how, and what is kept; None: the defaults.
    - progress: what is told how far it is; None: nothing.
    - registry: where plugins are looked for; None: all installed.
    - executor: what does the work, as `dask.distributed.Client.get_executor()`, or any other `mien.workers.Executor`;
      None: worker processes of this machine. Its workers see the same files under the same paths as this process, and
      have the same mien and plugins. `options.workers` then says how many tasks it is given at once; None: all. It is
      not shut down. Progress comes task by task, some 16 images or 64 frames each.

    Returns the dataset, opened, with how many images were read, and why something is not among the faces.
    Raises MienError if there is nothing to preprocess; a plugin is missing, cannot be made, or fails on every image;
    the dataset was made by another extractor, alignment, masker, filter or recognizer, or its people were told
    otherwise; the image of the person shows no face, or several; a worker process is killed; the disk is full or may
    not be written. What is done is kept.
    """
    started = time.perf_counter()
    path, registry, options = Path(dataset), registry or Registry(), options or PreprocessOptions()
    paths = None if sources is None else require_paths(sources, "sources")
    job = Job(path, registry, options.workers, progress or Silent(), executor)
    with _one_at_a_time(path):  # what the dataset is, too, is only certain while no other run changes it
        finish_swap(path)  # before tidying: the only whole faces may be those that a stopped run left aside
        _tidy(path)
        info = None if options.again else read_info(path)
        recipe = _recipe(info, options, registry)
        recipe = replace(
            recipe,
            recognizer=_recognizer(path, info, options.keep_person, recipe.people, options.recognizer, registry),
            largest=recipe.largest or options.largest,
            copies=recipe.copies or options.copies,
            images=recipe.images or (options.images and options.copies),
        )
        if recipe.people == "recognizer" and recipe.recognizer:
            encoding = described(Recognizer(registry, recipe.recognizer.choice).features)
            recipe = replace(recipe, features=_with(recipe.features, encoding))
        if options.keep_person:
            recipe = replace(recipe, keep_person=_encoding(options.keep_person, recipe, registry))
        done: int | None
        if info:
            done = follow_sources(job, recipe, Dataset(path, info), paths)
            if done is not None:
                recipe = _with_features_of(recipe, info, registry)
            added = add_features(job, recipe)
        else:
            done, added = make(job, recipe, paths), ()
        shutil.rmtree(job.work, ignore_errors=True)
        finished = Dataset.open(path)
    up_to_date = done is None and not added
    if up_to_date:
        job.progress.say(f"{path} is up to date: {counted(len(finished), 'face')}, nothing to do.")
    folders = [path / "raw"] if paths is None else paths
    others = tuple(file for folder in folders if folder.is_dir() for file in passed_over(folder))
    return PreprocessReport(finished, done or 0, time.perf_counter() - started, added, up_to_date, others)


def _recipe(info: DatasetInfo | None, options: PreprocessOptions, registry: Registry) -> Recipe:
    """What is asked for, and where nothing is, what the dataset was made with."""
    extractor = options.extractor or (info.extractor if info else registry.default("extractor"))
    text, distribution, version = extractor_text(extractor, registry)
    maskers = MaskerSet(options.masker or (info.masker if info else registry.default("masker")), registry)
    return Recipe(
        extractor=text,
        extractor_distribution=distribution,
        extractor_version=version,
        alignment=options.alignment or (info.alignment if info else dataset_alignment()),
        masker=maskers.text,
        masker_distributions=maskers.distributions,
        people=options.people or (info.people if info else "dataset"),
        features=described(FeatureSet(options.features, registry)),
        recognizer=info.recognizer if info else None,
        keep_person=info.keep_person if info else None,
        largest=info.largest if info else False,
        copies=bool(info.sizes) if info else False,
        images=info.images if info else False,
        part=_to_the_millisecond(options.part) or (info.part if info else WHOLE),
    )


def _to_the_millisecond(part: Part) -> Part:
    """As the dataset will say it."""
    return Part.between(*(None if time is None else clock_of(time) for time in (part.start, part.end)))


def _with_features_of(recipe: Recipe, info: DatasetInfo, registry: Registry) -> Recipe:
    """The recipe with the dataset's features too, as the installed plugins compute them."""
    before = described(FeatureSet("+".join(feature.choice for feature in info.features), registry))
    return replace(recipe, features=_with(before, recipe.features))


def _with(features: Sequence[FeatureInfo], more: Sequence[FeatureInfo]) -> tuple[FeatureInfo, ...]:
    return tuple({feature.key: feature for feature in (*features, *more)}.values())


def _recognizer(
    path: Path,
    info: DatasetInfo | None,
    keep_person: Path | None,
    people: People,
    choice: str | None,
    registry: Registry,
) -> RecognizerRecord | None:
    """What is to tell people apart, as it is installed; None: nothing has to.

    Raises MienError if it is named and has nothing to do.
    """
    before = info.recognizer if info else None
    if keep_person is None and before is None and people != "recognizer":
        if choice is not None:
            raise MienError(
                f"Nothing is asked for that {choice} would tell people apart for.",
                f"mien preprocess {path} --keep-person IMAGE --recognizer {choice}; or --people recognizer instead",
            )
        return None
    choice = choice or (before.choice if before else default_recognizer(registry))
    return RecognizerRecord.of(choice, registry)


def _encoding(image: Path, recipe: Recipe, registry: Registry) -> StoredEncoding:
    extractors = ExtractorSet(recipe.extractor, registry)
    recognizer = Recognizer(registry, recipe.recognizer.choice if recipe.recognizer else None)
    values = recognizer.reference(image, extractors)
    return StoredEncoding(recognizer=recognizer.record, values=tuple(float(value) for value in values))


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the dataset's folder, which is made for that. Raises MienError if another run holds it."""
    is_new = not path.exists()
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        with held_alone(path, f"{path} is being preprocessed by another run."):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it is only taken away again if nothing was written to it
                path.rmdir()


def _tidy(path: Path) -> None:
    """Take away what a stopped run left half done."""
    for left in (path / NEXT_FACES, path / OLD_FACES, *(path / FACES / ".work").glob(".*.partial-*")):
        shutil.rmtree(left, ignore_errors=True)
