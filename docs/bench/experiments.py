"""Which runs the results page compares, and how each is trained. Models are told apart by what they can do."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mien import Dataset, Model, Registry, TrainedRun, TrainOptions, preprocess, resume, train
from mien.dataset.options import PreprocessOptions
from mien.geometry.alignment import AlignmentConfig
from mien.plugins.feature_set import FeatureSet
from mien.progress import Progress
from mien.training.data import TrainingData
from mien.training.speed import step_gflop

REPOSITORY = Path(__file__).resolve().parents[2]
CLIPS = REPOSITORY / "cli/src/mien_cli/demo/data"
PEOPLE = ("E", "J")
EXTRACTOR = "face_recognition"
PRESET = "small"
HELD_OUT = 0.2

BEST_REPORTED = "landmarks:points=72+thumbnail:size=8"
FEW = "landmarks:points=10+thumbnail:size=2"
FEATURE_SETS = (
    "landmarks:points=10",
    "landmarks:points=72",
    "thumbnail:size=8",
    FEW,
    BEST_REPORTED,
    f"{BEST_REPORTED}+histogram+encoding",
)
FEATURES_OF = {"expression": "blendshapes"}
"""Of models that are made for others than the study's."""
WITH_PHOTOGRAPHS = ("morph", "likeness", "identities")
_WIDE = AlignmentConfig(size=256, margin=0.3, shift_y=0.1)
"""How photographs are cut that are drawn with."""
_WARM_UP_LINES = 3


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run of the results page."""

    name: str
    model: str
    """A plugin choice."""
    people: tuple[str, ...]
    features: str
    minutes: float
    from_photographs: bool = False
    """Whether it draws with photographs, of wider crops."""

    def dataset(self, work: Path, person: str) -> Path:
        """The person's faces, as it is trained and evaluated on."""
        return work / "wide" / person if self.from_photographs else work / person


def of_every_model(registry: Registry, minutes: float) -> Iterator[Experiment]:
    """Every installed model that is trained, with its preset for small machines, on as many of the two people as it
    takes.

    A model that draws from features gets the set that the reference study found best; one that draws synthetic people,
    the smaller one that the study gave to its conditional progressive GAN: less of the original face goes in.
    """
    for name in registry.names("model"):
        loaded = registry.load("model", name)
        assert issubclass(loaded, Model)  # noqa: S101 (for the type checker)
        if loaded.stages is Model.stages and loaded.fit is Model.fit:
            continue
        small = PRESET in loaded.Config.presets and name not in WITH_PHOTOGRAPHS
        choice = f"{name}:preset={PRESET}" if small else name
        people = PEOPLE[: loaded.people[1]]
        usual = FEW if "synthetic" in loaded.targets else BEST_REPORTED
        features = FEATURES_OF.get(name, usual) if loaded.needs_features else ""
        yield Experiment(name, choice, people, features, minutes, name in WITH_PHOTOGRAPHS)


def of_feature_sets(model: str, minutes: float) -> Iterator[Experiment]:
    """One model of one person with different features."""
    for features in FEATURE_SETS:
        yield Experiment(
            f"{model}-{features}".replace(":", "-").replace("+", "-"), model, PEOPLE[:1], features, minutes
        )


def of_conditioning(model: str, minutes: float) -> Iterator[Experiment]:
    """A conditional model with many features, as the study had it, and as it is now."""
    for preset, settings in (("reference", "preset=reference,width=32,noise_epochs=2"), (PRESET, f"preset={PRESET}")):
        yield Experiment(f"{model}-{preset}", f"{model}:{settings}", PEOPLE, BEST_REPORTED, minutes)


def datasets(work: Path, progress: Progress, registry: Registry) -> None:
    """The faces of both people, with every feature that an experiment draws from; and cut wider."""
    wanted = "+".join((*FEATURE_SETS, *FEATURES_OF.values()))
    keys = dict.fromkeys(wanted.split("+"))
    options = PreprocessOptions(extractor=EXTRACTOR, features="+".join(keys), images=False)
    for person in PEOPLE:
        for folder, how in ((work, options), (work / "wide", replace(options, features="", alignment=_WIDE))):
            preprocess(
                folder / person,
                sources=sorted((CLIPS / person).glob("*.mp4")),
                options=how,
                progress=progress,
                registry=registry,
            )


def trained(experiment: Experiment, work: Path, progress: Progress, registry: Registry) -> Path:
    """The experiment's run, trained for its minutes; what an interrupted call has done of it counts."""
    run = work / "runs" / experiment.name
    options = TrainOptions(
        minutes=experiment.minutes, held_out=HELD_OUT, steps_per_validation=100, steps_per_checkpoint=1000
    )
    if not (run / "run.toml").exists():
        people = [experiment.dataset(work, person) for person in experiment.people]
        train(
            experiment.model,
            people,
            run,
            features=experiment.features,
            options=options,
            progress=progress,
            registry=registry,
        )
    elif not experiment.from_photographs and (left := experiment.minutes - seconds_trained(run) / 60) > 0.1:
        resume(run, minutes=left, progress=progress, registry=registry)
    return run


def metrics(run: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def seconds_trained(run: Path) -> float:
    """As its newest checkpoint tells."""
    newest = max((run / "checkpoints").glob("[0-9]*/progress.json"), default=None)
    return float(json.loads(newest.read_text())["seconds"]) if newest else 0.0


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a run was trained."""

    steps: int
    parameters: int
    """Of what is trained, in all."""
    faces_per_second: float
    """Median over the log's lines, of the last stage that it reached."""
    gflop_per_face: float
    gflops: float
    """Reached while training."""


def speed(run: Path, registry: Registry) -> Speed:
    """Read from its log, and counted on a batch of the stage that it reached."""
    opened = TrainedRun.open(run, registry)
    lines = [line for line in metrics(run) if "faces_per_second" in line]
    number = int(lines[-1]["stage"])
    rates = [line["faces_per_second"] for line in lines[_WARM_UP_LINES:] if line["stage"] == number]
    stage = opened.model.stages()[number]
    sources = [Dataset.open(Path(dataset.path)) for dataset in opened.record.datasets if dataset.path]
    data = TrainingData(sources, FeatureSet(opened.features, registry), opened.record.options, type(opened.model))
    batch = data.batch(data.spread(stage.batch_size), opened.model, stage.resolution, stage=number)
    faces_per_second = statistics.median(rates)
    per_face = step_gflop(opened.model, batch) / len(batch)
    return Speed(
        steps=int(lines[-1]["step"]),
        parameters=sum(p.numel() for p in opened.model.parameters() if p.requires_grad),
        faces_per_second=faces_per_second,
        gflop_per_face=per_face,
        gflops=per_face * faces_per_second,
    )


def peak_dtype(run: Path) -> torch.dtype:
    """In which numbers the run was trained: its share is of the peak in the same."""
    return torch.bfloat16 if TrainedRun.open(run).record.options.precision == "bf16" else torch.float32
