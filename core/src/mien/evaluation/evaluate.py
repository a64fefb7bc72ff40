"""Judging a run: its model and baselines draw held-out faces, set into their scenes, and are looked at."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.dataset import Dataset
from mien.errors import MienError
from mien.evaluation.baselines import MeanFace, ModelPredictor, NearestFace, Predictor, Thumbnail
from mien.evaluation.formulas import expression_error, frechet_distance, mean_of_finite, mean_pairwise_distance
from mien.evaluation.metric_table import beats
from mien.evaluation.metrics import compute_metrics
from mien.evaluation.observation import gathered
from mien.evaluation.observer import Plugins
from mien.evaluation.observer_pool import looking_with
from mien.evaluation.page import write_page
from mien.evaluation.report import Beats, Evaluation, Metrics, folder_of
from mien.evaluation.results import EvaluationResult, PredictorResult, look_at_all, readable
from mien.evaluation.row_selection import choose_rows, training_split
from mien.evaluation.speed import faces_per_second
from mien.evaluation.synthetic_people import Strangers
from mien.geometry.pose import HeadAngles, angles_degrees, head_pose
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.training import checkpoints
from mien.training.run import TrainedRun

DEFAULT_FACES = 100
_REFERENCE_FACES = 64
"""Training faces of a person that are recognized; of those whose encodings the dataset holds, more:"""
_STORED_FACES = 2000


def evaluate(
    run: Path,
    on: Path,
    *,
    to: str | None = None,
    faces: int = DEFAULT_FACES,
    last: float | None = None,
    seed: int = 0,
    blender: str | None = None,
    extractor: str | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> Evaluation:
    """Measure how well a run's model draws the faces of a dataset, beside baselines that have learnt nothing.

    run: folder of a trained run. on: a dataset; if the run was trained on it, only what training held out of it counts:
    the end of each clip. to: the person to draw; None: each person of the run in turn, or, if the model invents people,
    strangers. faces: at most so many, spread evenly. last: only this share at the end of each clip, also of a dataset
    that the run was not trained on. seed: whom to invent.
    blender, extractor: plugin choices; None: the default blender, and the extractor that the dataset was made with.
    out: where evaluation.json, index.html and the images are written; None: RUN/evaluations/NAME_OF_DATASET.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.

    Every drawn face is set into the scene that it comes from, and found, measured and recognized there.

    Returns the figures of the model and of each baseline, and by what they were judged.
    Raises MienError if the run, the dataset or a plugin is missing, the dataset lacks a feature of the run, there is no
    face to judge by, or no scene can be read any more.
    """
    judgement = measure(
        run, on, to=to, faces=faces, last=last, seed=seed, blender=blender, extractor=extractor, progress=progress,
        registry=registry,
    )  # fmt: skip
    folder = out or folder_of(Path(run), Path(on))
    write_page(folder, judgement)
    judgement.evaluation.write(folder)
    return judgement.evaluation


def measure(
    run: Path,
    on: Path,
    *,
    to: str | None = None,
    faces: int = DEFAULT_FACES,
    last: float | None = None,
    seed: int = 0,
    blender: str | None = None,
    extractor: str | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> EvaluationResult:
    """As `evaluate`, but nothing is written."""
    registry, progress = registry or Registry(), progress or Silent()
    opened, dataset = TrainedRun.open(Path(run), registry), Dataset.open(Path(on))
    features = FeatureSet(opened.features, registry)
    people = _whom(opened, to)
    chosen = choose_rows(opened, dataset, faces, last)
    dataset.vectors(features, chosen.rows[:1])  # says early if a feature is missing
    blender = blender or registry.default("blender")
    extractor = extractor or dataset.info.extractor
    plugins = Plugins(blender, extractor, finds_originals=extractor != dataset.info.extractor)
    recognizer = Recognizer(registry)
    sources = _sources(opened)
    predictors = [
        (predictor, person)
        for person in people
        for predictor in _drawers(opened, dataset, features, person, sources, seed)
    ]
    looking = looking_with(registry, plugins, observations=len(chosen.rows) * len(predictors))
    known = _encodings(sources, recognizer, progress)
    results = _drawn(predictors, chosen.rows, progress)
    strangers = next(
        (Strangers.drawn_by(one.predictor, chosen.rows, seed) for one in results
         if isinstance(one.predictor, ModelPredictor) and one.drawn_as is None),
        Strangers.none(),
    )  # fmt: skip
    seen = look_at_all(dataset, chosen, results, strangers, looking, progress)
    kept = seen.numbers
    for one in results:
        one.images = one.images[kept]
    expressions: dict[int, NDArray[np.float64]] = {}
    distances: dict[int, NDArray[np.float64]] = {}
    poses: dict[int, HeadAngles] = {}
    metrics: list[Metrics] = []
    for number, one in enumerate(results):
        observations = gathered(one.observations)
        expressions[number] = expression_error(seen.landmarks, observations.landmarks).all
        distances[number] = observations.distances_to(seen.encodings)
        poses[number] = angles_degrees(head_pose(observations.landmarks))
        real = known[one.drawn_as] if one.drawn_as else seen.encodings
        metrics.append(compute_metrics(one, observations, seen, known, real, dataset.name, recognizer, strangers))
    middle = len(seen.encodings) // 2
    record = opened.record
    newest = checkpoints.newest(opened.path)
    progressed = json.loads((newest / "progress.json").read_text(encoding="utf-8")) if newest else {}
    evaluation = Evaluation(
        run=opened.path.name,
        weights=opened.digest,
        model=record.model,
        settings=record.settings,
        features=record.features,
        step=progressed.get("step", 0),
        minutes=round(progressed.get("seconds", 0.0) / 60, 2),
        dataset=dataset.name,
        dataset_digest=dataset.info.digest,
        rows=[int(row) for row in chosen.rows[kept]],
        rows_of=chosen.of,
        faces_asked=faces,
        last_asked=last,
        held_out=chosen.held_out,
        told=list(chosen.told),
        unreadable=seen.unreadable,
        extractor=extractor,
        blender=blender,
        recognizer=recognizer.features.text,
        same_person_below=recognizer.same_person_below,
        seed=seed,
        device="cpu",
        threads=torch.get_num_threads(),
        faces_per_second=faces_per_second(opened.model, people[0], dataset, features, record.options),
        frechet_floor=frechet_distance(seen.encodings[:middle], seen.encodings[middle:]),
        diversity_of_real=mean_pairwise_distance(np.concatenate(list(known.values()))),
        constancy_of_real=mean_of_finite([mean_pairwise_distance(encodings) for encodings in known.values()]),
        metrics=metrics,
        beats=[
            Beats(baseline=other.name, drawn_as=model.drawn_as, better=beats(model, other))
            for model in metrics
            if model.is_model
            for other in metrics
            if not other.is_model and other.drawn_as == model.drawn_as
        ],
    )
    original_poses = angles_degrees(head_pose(seen.landmarks))
    return EvaluationResult(
        evaluation, seen.crops, seen.views, results, expressions, distances, poses, original_poses, opened
    )


def _whom(run: TrainedRun, to: str | None) -> list[str | None]:
    if to is not None:
        run.model.identity_index(to)
        return [to]
    return [*(run.identities if run.model.swaps else ()), *([None] if run.model.invents else ())]


def _sources(run: TrainedRun) -> list[tuple[Dataset, NDArray[np.int64]]]:
    """The datasets that the run was trained on, and the rows that it saw."""
    opened = [Dataset.open(Path(record.path)) for record in run.record.datasets]
    return [(dataset, training_split(run, dataset)[0]) for dataset in opened]


def _drawers(
    run: TrainedRun,
    dataset: Dataset,
    features: FeatureSet,
    person: str | None,
    sources: Sequence[tuple[Dataset, NDArray[np.int64]]],
    seed: int,
) -> Iterator[Predictor]:
    size = run.model.size
    known = [source for source in sources if person is None or source[0].name == person]
    yield ModelPredictor(run, dataset, features, person, seed)
    yield MeanFace(known, size)
    yield Thumbnail(dataset, size)
    yield NearestFace(dataset, known, features, size)


def _drawn(
    predictors: Sequence[tuple[Predictor, str | None]], rows: NDArray[np.int64], progress: Progress
) -> list[PredictorResult]:
    progress.start("drawing", len(predictors) * len(rows))
    results = []
    for predictor, person in predictors:
        results.append(PredictorResult(predictor, person, predictor.draw(rows)))
        progress.advance(len(rows))
    return results


def _encodings(
    sources: Sequence[tuple[Dataset, NDArray[np.int64]]], recognizer: Recognizer, progress: Progress
) -> dict[str, NDArray[np.float32]]:
    """Person → encodings of some of their training faces, float32 (n, D): as stored, or of their scenes."""
    stored = {source.name for source, _ in sources if any(one.key == recognizer.key for one in source.info.features)}
    picked = {source.name: _spread(rows, _REFERENCE_FACES if source.name not in stored else _STORED_FACES)
              for source, rows in sources}  # fmt: skip
    if missing := sum(len(rows) for name, rows in picked.items() if name not in stored):
        progress.start("recognizing training faces", missing)
    found = {}
    for source, _ in sources:
        rows = picked[source.name]
        if source.name in stored:
            found[source.name] = np.asarray(source.feature(recognizer.key)[rows]).reshape(len(rows), -1)
            continue
        encodings: list[NDArray[np.float32]] = []
        lost: list[str] = []
        for _, crops in readable(source, rows, lost):
            encodings.append(recognizer.encode(crops))
            progress.advance(len(crops))
        if not encodings:
            raise MienError(
                f"Nobody can tell what {source.name} looks like: {lost[0]}",
                f"Put the images and videos of {source.path} back.",
            )
        found[source.name] = np.concatenate(encodings)
    return found


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)]
