"""From images and videos to a dataset of faces: the public call."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mien.dataset.format import Dataset
from mien.dataset.info import FACES, NEXT_FACES, OLD_FACES, DatasetInfo, FeatureInfo, People, finish_swap, read_info
from mien.dataset.job import Job
from mien.dataset.recipe import Recipe, described, extractor_text
from mien.dataset.update import add_features, follow_sources, make
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.media.files import writing_to
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
    def images_per_second(self) -> float:
        """Of this run."""
        return self.images_done / self.seconds


def preprocess(
    dataset: Path,
    *,
    extractor: str | None,
    features: str,
    sources: Sequence[Path] | None = None,
    keep_person: Path | None = None,
    recognizer: str | None = None,
    largest: bool = False,
    workers: int | None = None,
    copies: bool = True,
    images: bool = True,
    alignment: AlignmentConfig | None = None,
    masker: str | None = None,
    people: People | None = None,
    again: bool = False,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> PreprocessReport:
    """Find, cut out and measure the faces of images and videos, and write DATASET/faces.

    Stopped at any point and called again, it continues. On a dataset that is there already, only what is new is done:
    new and changed sources, features it has not. Sources that are gone, or not named any more, drop out with their
    faces.

    - dataset: the DATASET folder.
    - extractor, features: plugins as the user types them. extractor None: the one that the dataset was made with;
      for a new one, the only one that is installed.
    - sources: images, videos and folders, all of them: what a dataset was made from before and is not named now drops
      out of it. None: those the dataset was made from; for a new one, DATASET/raw.
    - keep_person: an image of the person whose faces alone are kept.
    - recognizer: what tells that person, or people, apart: a feature as the user types it. None: what the dataset was
      made with; for a new one, what `default_recognizer` says.
    - largest: keep only the largest face of an image (of that person).
    - workers: how many processes; None: one per core.
    - copies: whether to write small copies of the crops, black around the face, of 2, 4, … up to 128 px, as arrays.
    - images: whether to write those copies as PNG, too.
    - alignment: how faces are cut out. None: as in the dataset; for a new one, the defaults.
    - masker: what of a crop is face: maskers as the user types them, joined by +. None: as in the dataset; for a new
      one, the default masker.
    - people: who is in the dataset: "dataset", one person, named after it; "folders", whoever the subfolders of the
      sources are named after; "recognizer", groups of faces that the recognizer takes for one person each, the
      encodings of which are stored as a feature. None: as in the dataset; for a new one, "dataset".
    - again: make the dataset anew, whatever it was made with; it then has what is asked for now, and nothing else.
    - progress: what is told how far it is; None: nothing.
    - registry: where plugins are looked for; None: all installed.
    - executor: what does the work, as `dask.distributed.Client.get_executor()`, or any other `mien.workers.Executor`;
      None: worker processes of this machine. Its workers see the same files under the same paths as this process, and
      have the same mien and plugins. `workers` then says how many tasks it is given at once; None: all. It is not shut
      down. Progress comes task by task, some 16 images or 64 frames each.

    What is not asked for stays: a dataset that is there keeps its features, its filters and its images.

    Returns the dataset, opened, with how many images were read, and why something is not among the faces.
    Raises MienError if there is nothing to preprocess; a plugin is missing, cannot be made, or fails on every image;
    the dataset was made by another extractor, alignment, masker, filter or recognizer, or its people were told
    otherwise; the image of the person shows no face, or several; a worker process is killed; the disk is full or may
    not be written. What is done is kept.
    """
    started = time.perf_counter()
    path, registry = Path(dataset), registry or Registry()
    job = Job(path, registry, workers, progress or Silent(), executor)
    with _one_at_a_time(path):  # what the dataset is, too, is only certain while no other run changes it
        finish_swap(path)  # before tidying: the only whole faces may be those that a stopped run left aside
        _tidy(path)
        info = None if again else read_info(path)
        recipe = _recipe(info, extractor, features, registry, alignment, masker, people)
        recipe = replace(
            recipe,
            recognizer=_recognizer(path, info, keep_person, recipe.people, recognizer, registry),
            largest=recipe.largest or largest,
            copies=recipe.copies or copies,
            images=recipe.images or (images and copies),
        )
        if recipe.people == "recognizer" and recipe.recognizer:
            encoding = described(Recognizer(registry, recipe.recognizer.choice).features)
            recipe = replace(recipe, features=_with(recipe.features, encoding))
        if keep_person:
            recipe = replace(recipe, keep_person=_encoding(keep_person, recipe, registry))
        done: int | None
        if info:
            done = follow_sources(job, recipe, Dataset(path, info), sources)
            if done is not None:
                recipe = _with_features_of(recipe, info, registry)
            added = add_features(job, recipe)
        else:
            done, added = make(job, recipe, sources), ()
        shutil.rmtree(job.work, ignore_errors=True)
        finished = Dataset.open(path)
    up_to_date = done is None and not added
    if up_to_date:
        job.progress.say(f"{path} is up to date: {len(finished)} faces, nothing to do.")
    return PreprocessReport(finished, done or 0, time.perf_counter() - started, added, up_to_date)


def _recipe(
    info: DatasetInfo | None,
    extractor: str | None,
    features: str,
    registry: Registry,
    alignment: AlignmentConfig | None,
    masker: str | None,
    people: People | None,
) -> Recipe:
    """What is asked for, and where nothing is, what the dataset was made with."""
    if extractor is None:
        extractor = info.extractor if info else registry.default("extractor")
    text, distribution, version = extractor_text(extractor, registry)
    if masker is None:
        masker = info.masker if info else registry.default("masker")
    maskers = MaskerSet(masker, registry)
    people = people or (info.people if info else "dataset")
    return Recipe(
        extractor=text,
        extractor_distribution=distribution,
        extractor_version=version,
        alignment=alignment or (info.alignment if info else AlignmentConfig()),
        masker=maskers.text,
        masker_distributions=maskers.distributions,
        people=people,
        features=described(FeatureSet(features, registry)),
        recognizer=info.recognizer if info else None,
        keep_person=info.keep_person if info else None,
        largest=info.largest if info else False,
        copies=bool(info.sizes) if info else False,
        images=info.images if info else False,
    )


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
                f"No person was named whom {choice} is to tell apart from others.",
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
        with _locked(path):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it is only taken away again if nothing was written to it
                path.rmdir()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once are the user's to avoid
        yield
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MienError(f"{path} is being preprocessed by another run.", "Wait for it, or stop it.") from error
        yield
    finally:
        os.close(folder)


def _tidy(path: Path) -> None:
    """Take away what a stopped run left half done."""
    for left in (path / NEXT_FACES, path / OLD_FACES, *(path / FACES / ".work").glob(".*.partial-*")):
        shutil.rmtree(left, ignore_errors=True)
