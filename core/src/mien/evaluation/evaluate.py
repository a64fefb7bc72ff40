"""Evaluating a run: its model and baselines draw held-out faces, set into their scenes, and are looked at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.contracts.target import Given
from mien.dataset import Dataset
from mien.errors import MienError, not_losing
from mien.evaluation.baselines import MeanFace, ModelPredictor, NearestFace, Thumbnail, given_of
from mien.evaluation.expression_judge import ExpressionJudge, default_expression_judge
from mien.evaluation.formulas import expression_error, frechet_distance, mean_of_finite, mean_pairwise_distance
from mien.evaluation.metric_table import beats
from mien.evaluation.metrics import RecognizedPeople, compute_metrics
from mien.evaluation.observation import gathered
from mien.evaluation.observer import Plugins
from mien.evaluation.observer_pool import looking_with
from mien.evaluation.options import EvaluateOptions
from mien.evaluation.page import write_page
from mien.evaluation.report import Beats, Evaluation, Metrics, folder_of
from mien.evaluation.results import EvaluationResult, PredictorResult, look_at_all, readable
from mien.evaluation.row_selection import choose_rows, training_people
from mien.evaluation.speed import faces_per_second
from mien.evaluation.synthetic_people import SyntheticPeople
from mien.geometry.pose import HeadAngles, angles_degrees, head_pose
from mien.media.files import check_folder, whole_entries
from mien.plugins.feature_set import FeatureSet
from mien.plugins.registry import Registry
from mien.plugins.run_location import locate_run
from mien.progress import Progress, Silent
from mien.spread import spread
from mien.tracking.recognizer import Recognizer
from mien.training import checkpoints
from mien.training.run import TrainedRun
from mien.workers import Executor

_REFERENCE_FACES = 64
"""Training faces of a person that are recognized; of those whose encodings the dataset holds, more:"""
_STORED_FACES = 2000
_MOST_PEOPLE = 4
"""So many of a run's people are drawn, if nobody is asked for."""
_PREDICTORS = 4
"""The model and its baselines."""


def evaluate(
    run: Path | str,
    on: Path,
    *,
    options: EvaluateOptions | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> Evaluation:
    """Measure how well a run's model draws the faces of a dataset, beside baselines that have learnt nothing.

    run: folder of a trained run, or the name of an installed one. on: a dataset; if the run was trained on it, only
    what training held out of it counts: the end of each clip. options: whom to draw, on which faces, and by what it is
    measured; None: the defaults. out: where evaluation.json, index.html and the images are written; None:
    RUN/evaluations/NAME_OF_DATASET. Beside an installed run nothing is written.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.
    executor: what looks at the drawn faces, as that of `mien.workers.cluster.executor_on`; None: processes of this
    machine. The figures are the same.

    Every drawn face is set into the scene that it comes from, and found, measured and recognized there.

    Returns the metrics of the model and of each baseline, and by what they were measured.
    Raises MienError if the run, the dataset or a plugin is missing, the dataset lacks a feature of the run, there is no
    face to evaluate on, no scene can be read any more, or nothing may be written; if that turns out only when it is, a
    `ReportNotWrittenError`, which holds the evaluation.
    """
    registry = registry or Registry()
    location = locate_run(run, registry)
    if location.installed and out is None:
        raise MienError(
            f"{run} is an installed run, and nothing is written beside it.",
            f"mien evaluate {run} --on {on} --out FOLDER",
        )
    folder = out or folder_of(location.folder, Path(on))
    check_folder(folder)
    result = measure(run, on, options=options, progress=progress, registry=registry, executor=executor)
    with not_losing(result.evaluation), whole_entries(folder) as partial:
        write_page(partial, result)
        result.evaluation.write(partial)
    return result.evaluation


def measure(
    run: Path | str,
    on: Path,
    *,
    options: EvaluateOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> EvaluationResult:
    """As `evaluate`, but nothing is written."""
    options = options or EvaluateOptions()
    to, faces, last, seed = options.to, options.faces, options.last, options.seed
    registry, progress = registry or Registry(), progress or Silent()
    opened, dataset = TrainedRun.open(run, registry), Dataset.open(Path(on))
    if not opened.record.datasets:
        raise MienError(
            f"{run} was trained on nothing: there is nobody to compare with.", "mien evaluate RUN --on DATASET"
        )
    features = FeatureSet(opened.features, registry)
    sources = training_people(opened, [dataset, *map(Dataset.open, options.trained_on)])
    people = people_drawn(opened, to, sources, dataset)
    chosen = choose_rows(opened, dataset, faces, last)
    dataset.vectors(features, chosen.rows[:1])  # says early if a feature is missing
    blender = options.blender or registry.default("blender")
    extractor = options.extractor or dataset.info.extractor
    recognizes = Recognizer(registry, options.recognizer or opened.tells_apart)
    judging = _judges(options.judges, recognizes, opened, registry)
    by_expression = options.expressions or default_expression_judge(registry)
    expression_judge = ExpressionJudge(registry, by_expression) if by_expression else None
    plugins = Plugins(
        blender,
        extractor,
        finds_originals=extractor != dataset.info.extractor,
        recognizer=recognizes.record.choice,
        judges=tuple(judge.record.choice for judge in judging),
        expressions=by_expression,
    )
    looking = looking_with(
        registry, plugins, observations=len(chosen.rows) * len(people) * _PREDICTORS, executor=executor
    )
    known = _encodings(sources, people, recognizes, progress)
    recognized = RecognizedPeople(recognizes, known)
    by_judges = [RecognizedPeople(judge, _encodings(sources, people, judge, progress)) for judge in judging]
    of_model = {
        person: ModelPredictor(
            opened, dataset, features, person, seed, _given(opened, features, person, sources, known, recognizes)
        )
        for person in people
    }
    results = _drawn(of_model, dataset, features, sources, chosen.rows, progress)
    synthetic = SyntheticPeople.none()
    if None in of_model:
        synthetic = SyntheticPeople.drawn_by(of_model[None], chosen.rows, seed)
    originals = look_at_all(dataset, chosen, results, synthetic, looking, progress)
    kept = originals.numbers
    for result in results:
        result.images = result.images[kept]
    expressions: dict[int, NDArray[np.float64]] = {}
    distances: dict[int, NDArray[np.float64]] = {}
    poses: dict[int, HeadAngles] = {}
    metrics: list[Metrics] = []
    for number, result in enumerate(results):
        observations = gathered(result.observations)
        expressions[number] = expression_error(originals.landmarks, observations.landmarks).all
        distances[number] = observations.distances_to(originals.encodings)
        poses[number] = angles_degrees(head_pose(observations.landmarks))
        real = known[result.drawn_as] if result.drawn_as else originals.encodings
        metrics.append(
            compute_metrics(
                result,
                observations,
                originals,
                recognized,
                real,
                dataset.people,
                synthetic,
                by_judges,
                expression_judge,
            )
        )
    middle = len(originals.encodings) // 2
    record = opened.record
    newest = checkpoints.newest(opened.location.folder)
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
        candidates=chosen.candidates,
        faces_asked=faces,
        last_asked=last,
        held_out=chosen.held_out,
        source_ranges=list(chosen.source_ranges),
        unreadable=originals.unreadable,
        extractor=extractor,
        blender=blender,
        recognizer=recognizes.record,
        same_person_below=recognizes.same_person_below,
        judges=[judge.record for judge in judging],
        expressions=expression_judge.record if expression_judge else None,
        seed=seed,
        device="cpu",
        threads=torch.get_num_threads(),
        faces_per_second=faces_per_second(opened.model, of_model[people[0]], dataset),
        frechet_floor=frechet_distance(originals.encodings[:middle], originals.encodings[middle:]),
        diversity_of_real=mean_pairwise_distance(np.concatenate(list(known.values()))),
        constancy_of_real=mean_of_finite([mean_pairwise_distance(encodings) for encodings in known.values()]),
        metrics=metrics,
        beats=[
            Beats(baseline=baseline.name, drawn_as=model.drawn_as, better=beats(model, baseline))
            for model in metrics
            if not model.is_baseline
            for baseline in metrics
            if baseline.is_baseline and baseline.drawn_as == model.drawn_as
        ],
    )
    original_poses = angles_degrees(head_pose(originals.landmarks))
    return EvaluationResult(
        evaluation, originals.crops, originals.views, results, expressions, distances, poses, original_poses, opened
    )


def people_drawn(
    run: TrainedRun, to: str | None, sources: Mapping[str, tuple[Dataset, NDArray[np.int64]]], dataset: Dataset
) -> list[str | None]:
    """Whom the model draws: what was asked for; else people of the run, at most so many, and synthetic ones."""
    targets = run.model.targets
    if to is not None:
        if "known" in targets or "reference" not in targets:
            run.person_index(to)
        elif to not in sources:
            raise MienError(
                f"{run.path} was trained on no {to!r}, but on {', '.join(sources)}.", f"--to {next(iter(sources))}"
            )
        return [to]
    people: list[str | None] = []
    if targets & {"known", "reference"}:
        # People of the dataset first, since a reconstruction can be compared pixel by pixel.
        people += sorted(sources, key=lambda name: name not in dataset.people)[:_MOST_PEOPLE]
        people = [name for name in sources if name in people]
    return [*people, *([None] if "synthetic" in targets else ())]


def _judges(choices: Sequence[str], recognizer: Recognizer, run: TrainedRun, registry: Registry) -> list[Recognizer]:
    """The judges. Raises MienError for one that took part in what it is to judge, or is named twice."""
    judges = [Recognizer(registry, choice) for choice in choices]
    taken = {recognizer.record.choice: "is what recognizes the faces"}
    if run.recognizer:
        taken.setdefault(run.recognizer, f"is what {run.path} was trained with")
    for judge in judges:
        if why := taken.get(judge.record.choice):
            raise MienError(
                f"{judge.record.choice} cannot judge: it {why}.", "Name another: --judge NAME, or leave it out."
            )
        taken[judge.record.choice] = "was named twice"
    return judges


def _given(
    run: TrainedRun,
    features: FeatureSet,
    person: str | None,
    sources: Mapping[str, tuple[Dataset, NDArray[np.int64]]],
    known: Mapping[str, NDArray[np.float32]],
    recognizer: Recognizer,
) -> Given | None:
    """The person as a reference, for a model that draws people in no other way."""
    if person is None or "known" in run.model.targets:
        return None
    recorded = run.record.recognizer
    if recorded is None or not recorded.agrees_with(recognizer.record):
        raise MienError(
            f"{run.path} draws references by encodings of {run.recognizer}, not of {recognizer.record.choice}.",
            f"mien evaluate {run.path} --on DATASET --recognizer {run.recognizer}",
        )
    dataset, rows = sources[person]
    return given_of(run, dataset, rows, features, known[person])


def _drawn(
    of_model: Mapping[str | None, ModelPredictor],
    dataset: Dataset,
    features: FeatureSet,
    sources: Mapping[str, tuple[Dataset, NDArray[np.int64]]],
    rows: NDArray[np.int64],
    progress: Progress,
) -> list[PredictorResult]:
    """What the model and each baseline make of the rows, at the size that the model draws."""
    progress.start("drawing", _PREDICTORS * len(of_model) * len(rows))
    results = []
    for person, model in of_model.items():
        results.append(PredictorResult.of(model, person, model.draw(rows)))
        progress.advance(len(rows))
        size = results[-1].images.shape[1]
        known = [source for name, source in sources.items() if person in (None, name)]
        for baseline in (MeanFace(known, size), Thumbnail(dataset, size), NearestFace(dataset, known, features, size)):
            results.append(PredictorResult.of(baseline, person, baseline.draw(rows)))
            progress.advance(len(rows))
    return results


def _encodings(
    sources: Mapping[str, tuple[Dataset, NDArray[np.int64]]],
    drawn: Sequence[str | None],
    recognizer: Recognizer,
    progress: Progress,
) -> dict[str, NDArray[np.float32]]:
    """Person → encodings of some of their training faces, float32 (n, D): as stored, or of their scenes.

    drawn: who is drawn; of many others whose encodings are not stored, fewer faces are looked at.
    """
    picked: dict[str, NDArray[np.int64]] = {}
    for name, (source, rows) in sources.items():
        few = max(_REFERENCE_FACES * _MOST_PEOPLE // len(sources), 1)
        picked[name] = spread(rows, _STORED_FACES if _stores(source, recognizer) else
                              _REFERENCE_FACES if name in drawn else min(few, _REFERENCE_FACES))  # fmt: skip
    if missing := sum(len(picked[name]) for name, (source, _) in sources.items() if not _stores(source, recognizer)):
        progress.start("recognizing training faces", missing)
    found = {}
    for name, (source, _) in sources.items():
        rows = picked[name]
        if _stores(source, recognizer):
            found[name] = np.asarray(source.feature(recognizer.key)[rows]).reshape(len(rows), -1)
            continue
        encodings: list[NDArray[np.float32]] = []
        lost: list[str] = []
        for _, crops in readable(source, rows, lost):
            encodings.append(recognizer.encode(crops))
            progress.advance(len(crops))
        if not encodings:
            raise MienError(
                f"Nobody can tell what {name} looks like: {lost[0]}",
                f"Put the images and videos of {source.path} back.",
            )
        found[name] = np.concatenate(encodings)
    return found


def _stores(dataset: Dataset, recognizer: Recognizer) -> bool:
    """Whether a dataset has encodings of its faces, by this very recognizer and no other version of it."""
    by = (recognizer.key, recognizer.record.distribution, recognizer.record.version)
    return any((feature.key, feature.distribution, feature.version) == by for feature in dataset.info.features)
