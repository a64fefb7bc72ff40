"""From images and videos to a dataset of faces: the public call."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from mien.dataset.format import Dataset
from mien.dataset.info import FACES, NEXT_FACES, OLD_FACES, DatasetInfo, finish_swap, read_info
from mien.dataset.job import Job
from mien.dataset.plan import usable_cores
from mien.dataset.recipe import Recipe, described, extractor_text
from mien.dataset.update import add_features, follow_sources, make
from mien.errors import MienError
from mien.geometry.alignment import AlignmentConfig
from mien.media.files import writing_to
from mien.plugins.extractor_set import ExtractorSet
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer


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
    largest: bool = False,
    workers: int | None = None,
    images: bool = True,
    alignment: AlignmentConfig | None = None,
    again: bool = False,
    progress: Progress | None = None,
    registry: Registry | None = None,
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
    - largest: keep only the largest face of an image (of that person).
    - workers: how many processes; None: one per core.
    - images: whether to write the crops as PNG, too.
    - alignment: how faces are cut out. None: as in the dataset; for a new one, the defaults.
    - again: make the dataset anew, whatever it was made with; it then has what is asked for now, and nothing else.
    - progress: what is told how far it is; None: nothing.
    - registry: where plugins are looked for; None: all installed.

    What is not asked for stays: a dataset that is there keeps its features, its filters and its images.

    Returns the dataset, opened, with how many images were read, and why something is not among the faces.
    Raises MienError if there is nothing to preprocess; a plugin is missing, cannot be made, or fails on every image;
    the dataset was made by another extractor, alignment or filter; a worker process is killed; the disk is full or may
    not be written. What is done is kept.
    """
    started = time.perf_counter()
    path, registry = Path(dataset), registry or Registry()
    job = Job(path, registry, workers or usable_cores(), progress or Silent())
    with _one_at_a_time(path):  # what the dataset is, too, is only certain while no other run changes it
        finish_swap(path)  # before tidying: the only whole faces may be those that a stopped run left aside
        _tidy(path)
        info = None if again else read_info(path)
        recipe = _recipe(path, info, extractor, features, registry, alignment)
        recipe = replace(
            recipe,
            keep_person=_encoding(keep_person, recipe.extractor, registry) if keep_person else recipe.keep_person,
            largest=recipe.largest or largest,
            images=recipe.images or images,
        )
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
    path: Path,
    info: DatasetInfo | None,
    extractor: str | None,
    features: str,
    registry: Registry,
    alignment: AlignmentConfig | None,
) -> Recipe:
    """What is asked for, and where nothing is, what the dataset was made with."""
    if extractor is None:
        extractor = info.extractor if info else registry.default("extractor")
    text, distribution, version = extractor_text(extractor, registry)
    return Recipe(
        extractor=text,
        extractor_distribution=distribution,
        extractor_version=version,
        alignment=alignment or (info.alignment if info else AlignmentConfig()),
        features=described(FeatureSet(features, registry)),
        keep_person=info.keep_person if info else None,
        largest=info.largest if info else False,
        images=info.images if info else False,
    )


def _with_features_of(recipe: Recipe, info: DatasetInfo, registry: Registry) -> Recipe:
    """The recipe with the dataset's features too, as the installed plugins compute them."""
    before = described(FeatureSet("+".join(feature.choice for feature in info.features), registry))
    asked = {feature.key: feature for feature in (*before, *recipe.features)}
    return replace(recipe, features=tuple(asked.values()))


def _encoding(image: Path, extractor: str, registry: Registry) -> tuple[float, ...]:
    extractors = ExtractorSet(extractor, registry)
    return tuple(float(value) for value in Recognizer(registry).reference(image, extractors))


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
