"""Bringing a dataset up to date: with its sources, and with the features that are asked for."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.counted import counted
from mien.dataset.format import Dataset
from mien.dataset.index import known_sources
from mien.dataset.info import FACES, FeatureInfo, array_file
from mien.dataset.job import Job
from mien.dataset.merge import merge, write_info, write_statistics
from mien.dataset.npy import NpyWriter
from mien.dataset.origins import segments_of
from mien.dataset.plan import chunks_of, list_sources, unchanged
from mien.dataset.recipe import Recipe, described, refuse_another_recipe
from mien.dataset.tasks import Remeasure
from mien.errors import MienError
from mien.media.files import whole_file, writing_to
from mien.plugins.feature_set import FeatureSet
from mien.tracking.recognizer import Recognizer

_FACES_PER_TASK = 256


def make(job: Job, recipe: Recipe, sources: Sequence[Path] | None) -> int:
    """Make the dataset of its sources (None: DATASET/raw). Returns how many images and frames were gone through."""
    files = list_sources(job.path, sources)
    recognizer = _recognizer(job, recipe)
    chunks = chunks_of(files, recipe)
    done = job.do(chunks, recipe, "faces")
    job.progress.start("writing", None)
    with writing_to(job.path / FACES):
        segments = segments_of(files, {}, chunks, job.work)
    merge(job.path, recipe, segments, None, _recorded(sources), recognizer)
    return done


def follow_sources(job: Job, recipe: Recipe, old: Dataset, sources: Sequence[Path] | None) -> int | None:
    """Do what is new or changed, take over what is not, leave out what is gone.

    sources: None: those that the dataset was made from. Returns how many images and frames were gone through; None if
    nothing has changed.

    Raises MienError if the recipe is not the dataset's.
    """
    refuse_another_recipe(job.path, old.info, recipe, detects=False)
    if sources is None and old.info.sources is not None:
        sources = [Path(source) for source in old.info.sources]
        gone = not any(source.exists() for source in sources)
    else:
        gone = sources is None and not (job.path / "raw").exists()
    if gone:
        job.progress.say(f"The images that {job.path} was made from are gone; its faces are kept.")
        return None
    files = list_sources(job.path, sources)
    columns = ["source", "source_size", "source_mtime_ns"]
    known = known_sources(old.index(columns), old.dropped(columns))
    same = unchanged(files, known)
    new = [file for file in files if file.name not in same]
    if not new and len(same) == len(known):
        return None
    if new:
        refuse_another_recipe(job.path, old.info, recipe, detects=True)
    left_out = len(known.keys() - {file.name for file in files})
    if left_out:
        job.progress.say(
            f"{left_out} of {counted(len(known), 'source')} {'is' if left_out == 1 else 'are'} gone or not named any "
            f"more; {'its' if left_out == 1 else 'their'} faces are left out."
        )
    recipe = replace(recipe, features=_still_valid(old, job))
    recognizer = _recognizer(job, recipe)
    chunks = chunks_of(new, recipe)
    done = job.do(chunks, recipe, "faces", may_all_fail=bool(same))
    job.progress.start("writing", None)
    with writing_to(job.path / FACES):
        segments = segments_of(files, {name: known[name] for name in same}, chunks, job.work)
    merge(job.path, recipe, segments, old, _recorded(sources), recognizer)
    return done


def add_features(job: Job, recipe: Recipe) -> tuple[str, ...]:
    """Compute the recipe's features that the dataset has not, or has of another version. Returns their keys."""
    dataset = Dataset.open(job.path)
    info = dataset.info
    missing = tuple(feature for feature in recipe.features if feature not in info.features)
    if not missing:
        return ()
    recipe = replace(recipe, features=missing)
    tasks = [
        Remeasure(
            recipe.key(info.digest, start, _FACES_PER_TASK),
            job.path,
            (start, min(start + _FACES_PER_TASK, len(dataset))),
            job.path.absolute() / "raw",
        )
        for start in range(0, len(dataset), _FACES_PER_TASK)
    ]
    job.do(tasks, recipe, "features")
    keys = tuple(feature.key for feature in missing)
    others = tuple(feature for feature in info.features if feature.key not in keys)
    faces = job.path / FACES
    with writing_to(faces):
        if others != info.features:  # files of another version are about to be replaced: nobody is to believe them
            write_info(faces, info.model_copy(update={"features": others}))
        for feature in missing:
            _join(faces, feature, [job.work / task.key for task in tasks])
        write_info(faces, info.model_copy(update={"features": (*others, *missing)}))
        shutil.rmtree(job.work)
    return keys


def _join(faces: Path, feature: FeatureInfo, shards: Sequence[Path]) -> None:
    count = 0
    with (
        whole_file(array_file(faces, feature.key)) as partial,
        NpyWriter(partial, feature.shape, np.float32) as writer,
    ):
        for shard in shards:
            rows = np.load(shard / f"{feature.key}.npy")
            writer.append(rows)
            count += len(rows)
    write_statistics(faces, feature, count)


def _still_valid(old: Dataset, job: Job) -> tuple[FeatureInfo, ...]:
    """The dataset's features that the installed plugins compute as they were computed."""
    installed = described(FeatureSet("+".join(feature.choice for feature in old.info.features), job.registry))
    return tuple(feature for feature in installed if feature in old.info.features)


def _recognizer(job: Job, recipe: Recipe) -> Recognizer | None:
    """What groups the faces by people, if that is asked for.

    Raises MienError if the recipe does not measure what it goes by: then the dataset holds that of another version.
    """
    if recipe.people != "recognizer" or recipe.recognizer is None:
        return None
    recognizer = Recognizer(job.registry, recipe.recognizer.choice)
    if all(feature.key != recognizer.key for feature in recipe.features):
        raise MienError(
            f"The people of {job.path} were told apart by another version of {recognizer.record.choice} than "
            f"{recognizer.record.version}, which is installed.",
            f"mien preprocess {job.path} --again --people recognizer --recognizer {recognizer.record.choice}",
        )
    return recognizer


def _recorded(sources: Sequence[Path] | None) -> tuple[str, ...] | None:
    return None if sources is None else tuple(str(Path(source).absolute()) for source in sources)
