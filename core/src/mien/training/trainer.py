"""Beginning a run, and going on with one."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, set_seed
from safetensors import SafetensorError
from safetensors.torch import load_file

from mien.contracts.model import Batch, Model
from mien.contracts.plugin import PluginConfig, read_config
from mien.counted import counted
from mien.dataset import Dataset, DatasetInfo
from mien.errors import MienError
from mien.layers.precision import computes_bf16
from mien.media.given_paths import require_paths
from mien.plugins.choice import PluginChoice, parse_choice, parse_choices
from mien.plugins.feature_set import FeatureSet
from mien.plugins.guard import guarded_fit, guarded_stages
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.tracking.recognizer import Recognizer
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training import checkpoints
from mien.training.data import TrainingData
from mien.training.dataset_notes import dataset_notes
from mien.training.global_state import leaving_global_state
from mien.training.held_out_expression import HeldOutExpression
from mien.training.loop import Loop
from mien.training.options import TrainOptions
from mien.training.run import DatasetRecord, PluginRecord, RunRecord, make_model
from mien.training.run_folder import held, refuse_a_run_in, tidy
from mien.training.schedule import with_schedule_steps
from mien.training.stopping import StopRequest
from mien.training.weights import WEIGHTS, load_weights

_STEPS_WORTH_COMPILING, _MINUTES_WORTH_COMPILING = 1000, 5


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a call of `train` or `resume` did."""

    run: Path
    step: int
    """Steps done since the run's start."""
    steps_here: int
    """Steps done by this call."""
    seconds: float
    """Time trained, over all calls."""
    reason: str
    """Why it stopped."""
    model: Model
    """As trained, in evaluation mode, on the device it was trained on."""


@leaving_global_state
def train(
    model: str | PluginChoice,
    datasets: Sequence[Path | str],
    run: Path | str,
    *,
    features: str = "",
    recognizer: str | None = None,
    options: TrainOptions | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> TrainReport:
    """Train a model on the people of datasets, and keep everything in RUN.

    model: a plugin choice, as "deepfakes:preset=small", or PluginChoice("deepfakes", {"preset": "small"}), whose
    settings may be values. datasets: their folders; each holds one person or many.
    run: a folder that holds no run yet; one that ended before its first checkpoint is begun anew.
    features: a feature set, as "landmarks:points=28+thumbnail", which the datasets have to hold; "": none.
    recognizer: what makes the encodings that the model sees, and tells people apart later; None: the default of those
    installed.
    options: of the loop, when to stop among them; None: the defaults, by which the model's stages alone end it.
    progress: what is told how far it is; None: nothing. registry: where plugins are looked for; None: all installed.
    SIGINT and SIGTERM write a checkpoint and end the call in order.

    Returns where and why it stopped, and the trained model.
    Raises MienError if RUN exists, a plugin or a dataset is missing or does not fit, or a loss is not finite.
    """
    registry = registry or Registry()
    run = Path(run)
    refuse_a_run_in(run)
    begun = begin(model, datasets, run, features, recognizer, options or TrainOptions(), registry)
    choice, config, of_model, recognizer = begun.choice, begun.config, type(begun.model), begun.recognizer
    data, accelerator, made, options = begun.data, begun.accelerator, begun.model, begun.options
    record = RunRecord(
        mien_version=version("mien-core"),
        torch_version=str(torch.__version__),
        model=choice.name,
        settings=config.model_dump(mode="json"),
        extractor=data.datasets[0].info.extractor,
        masker=data.datasets[0].info.masker,
        recognizer=RecognizerRecord.of(recognizer, registry) if recognizer else None,
        features=data.features.text,
        alignment=made.alignment or data.datasets[0].info.alignment,
        people=list(data.people) if "known" in of_model.targets else [],
        people_count=len(data.people),
        targets=sorted(of_model.targets),
        training_rows=data.inputs.rows,
        feature_length=data.inputs.features,
        encoding_length=data.inputs.encoding_length,
        processes=accelerator.num_processes,
        datasets=[
            DatasetRecord(name=d.name, path=str(d.path.resolve()), digest=d.info.digest, faces=len(d))
            for d in data.datasets
        ],
        # A model that draws no references does without it; whoever tells people apart later may choose another.
        plugins=_plugins(
            registry,
            choice.name,
            data.datasets[0].info,
            features,
            recognizer if of_model.sees_encodings() else None,
        ),
        options=options,
    )
    told = progress or Silent()
    for note in dataset_notes(data):
        told.say(note)
    with held(run, accelerator):
        if accelerator.is_main_process:
            refuse_a_run_in(run)  # which another call may have begun meanwhile
            tidy(run)
            record.write(run)
        accelerator.wait_for_everyone()
        return _run_loop(accelerator, made, choice.name, data, options, run, None, told, registry)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a training begins with, before its first step."""

    choice: PluginChoice
    config: PluginConfig
    recognizer: str | None
    data: TrainingData
    accelerator: Accelerator
    model: Model
    options: TrainOptions

    def fit(self, progress: Progress) -> None:
        """Move the model to the device, and fit what it learns without steps."""
        _fit(self.model.to(self.accelerator.device), self.choice.name, self.data, progress)


def begin(
    model: str | PluginChoice,
    datasets: Sequence[Path | str],
    run: Path,
    features: str,
    recognizer: str | None,
    options: TrainOptions,
    registry: Registry,
) -> Beginning:
    """Everything up to the first step, but the run's record: what fails here leaves no run in the way.

    Arguments as of `train`. Raises MienError as it does; to be called within `global_state_restored`.
    """
    resolved = {"precision": resolved_precision(options.precision), "compile": resolved_compile(options)}
    options = options.model_copy(update=resolved)
    paths = require_paths(datasets, "datasets")
    if not paths:
        raise MienError("No dataset was named.", f"mien train {model} DATASET --run {run}")
    choice = parse_choice(model) if isinstance(model, str) else model
    loaded, config = registry.configure("model", choice)
    of_model = cast(type[Model], loaded)
    recognizer = _recognizer(of_model, recognizer or of_model.recognizer, registry)
    data = _data(paths, features, options, registry, of_model, recognizer)
    accelerator = _accelerator(options, run)
    made = _seeded_model(registry, choice.name, config.model_dump(mode="json"), data, options)
    stages = guarded_stages(made, choice.name)
    options = with_schedule_steps(options, stages)
    for dataset in data.datasets:
        dataset.require_size(max((stage.resolution for stage in stages), default=0))
    return Beginning(choice, config, recognizer, data, accelerator, made, options)


@leaving_global_state
def resume(
    run: Path | str,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    on_nan: str | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> TrainReport:
    """Go on with a run from its newest checkpoint, exactly as if it had not stopped.

    run: its folder. steps, minutes: when to stop this time; steps count from the run's very start; None: the model's
    stages alone decide. on_nan: changes that option; None: as it was. progress, registry: as for `train`.
    Returns what `train` does. Raises MienError as `train`, but needs a run; and if a dataset has changed since, the
    number of processes is another, or the checkpoint is damaged.
    """
    run, registry = Path(run), registry or Registry()
    record = RunRecord.read(run)
    changed = {"steps": steps, "minutes": minutes, **({"on_nan": on_nan} if on_nan else {})}
    kept = record.options.model_dump()
    options = read_config(TrainOptions, {**kept, **changed}, "training", shown_by="mien train --list-options")
    progress = progress or Silent()
    for line in record.differences(registry):
        progress.say(f"The run {line} Going on may not be exact.")
    of_model = cast(type[Model], registry.load("model", record.model))
    paths = [Path(dataset.path) for dataset in record.datasets if dataset.path is not None]
    if len(paths) < len(record.datasets):
        raise MienError(
            f"{run} was exported: it has no checkpoint, and does not say where its datasets lie. It cannot go on, but "
            "another run can begin with its weights.",
            record.command(f"{run}-2", registry, init_from=run / WEIGHTS),
        )
    recognizer = record.recognizer.choice if record.recognizer else None
    data = _data(paths, record.features, options, registry, of_model, recognizer)
    for old, dataset in zip(record.datasets, data.datasets, strict=True):
        if old.digest != dataset.info.digest:
            raise MienError(
                f"{dataset.path} has changed since {run} was begun; going on exactly is not possible.",
                record.command(f"{run}-2", registry),
            )
    accelerator = _accelerator(options, run)
    if accelerator.num_processes != record.processes:
        raise MienError(
            f"{run} was trained by {counted(record.processes, 'process', 'processes')}, this call has "
            f"{accelerator.num_processes}.",
            f"accelerate launch --num_processes {record.processes} -m mien_cli train --run {run} --resume",
        )
    checkpoint = checkpoints.newest(run)
    if checkpoint is not None:  # it holds the weights: where the first ones came from does not matter any more
        options = options.model_copy(update={"init_from": None})
    else:
        progress.say(f"{run} has no checkpoint: training begins anew.")
    made = _seeded_model(registry, record.model, record.settings, data, options)
    with held(run, accelerator):
        return _run_loop(accelerator, made, record.model, data, options, run, checkpoint, progress, registry)


def _run_loop(
    accelerator: Accelerator,
    model: Model,
    choice: str,
    data: TrainingData,
    options: TrainOptions,
    run: Path,
    checkpoint: Path | None,
    progress: Progress,
    registry: Registry,
) -> TrainReport:
    if checkpoint is None:
        _fit(model.to(accelerator.device), choice, data, progress)
    else:
        checkpoints.shape_buffers_of(checkpoint, model)
    measures = "known" in model.targets and options.expression_faces > 0
    expression = HeldOutExpression(data, options.expression_faces, registry, progress) if measures else None
    loop = Loop(accelerator, model, choice, data, options, run, progress, expression)
    if checkpoint is not None:
        loop.restore(checkpoint)
    before, stop = loop.at.step, StopRequest(options.minutes)
    with stop.listening():
        reason = loop.run(stop)
    return TrainReport(run, loop.at.step, loop.at.step - before, loop.at.seconds, reason, model.eval())


def _fit(model: Model, choice: str, data: TrainingData, progress: Progress) -> None:
    """What a model learns without an optimizer; in every process the same, of the same faces."""
    if not model.fits():
        return
    progress.start("fitting", len(data.training_rows))
    device = next((tensor.device for tensor in model.state_dict().values()), torch.device("cpu"))

    def counted() -> Iterator[Batch]:
        for batch in data.fit_batches(model, device):
            yield batch
            progress.advance(len(batch))

    with torch.no_grad():
        guarded_fit(model, choice, counted())


def _recognizer(of_model: type[Model], asked: str | None, registry: Registry) -> str | None:
    """What makes a run's encodings: what was asked for, else the default; None if nothing installed could.

    Raises MienError if what was asked for does not tell people apart, or if nothing does and the model needs it.
    """
    try:
        return Recognizer(registry, asked).record.choice
    except MienError:
        if asked is not None or of_model.sees_encodings():
            raise
        return None


def _data(
    paths: list[Path],
    features: str,
    options: TrainOptions,
    registry: Registry,
    of_model: type[Model],
    recognizer: str | None,
) -> TrainingData:
    recognizes = Recognizer(registry, recognizer) if recognizer else None
    datasets = [Dataset.open(path) for path in paths]
    return TrainingData(datasets, FeatureSet(features, registry), options, of_model, recognizes)


def _accelerator(options: TrainOptions, run: Path) -> Accelerator:
    # A phase or stage uses some of the weights only.
    several_parts = DistributedDataParallelKwargs(find_unused_parameters=True)
    # Accelerate keeps the precision for the whole process; an earlier training in it may have had another.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision=resolved_precision(options.precision),
        log_with="tensorboard",
        project_dir=str(run),
        kwargs_handlers=[several_parts],
    )


def resolved_precision(wanted: str) -> str:
    """What "auto" stands for on this machine: bf16 where it is computed natively, otherwise no mixed precision."""
    if wanted != "auto":
        return wanted
    return "bf16" if computes_bf16("cuda" if torch.cuda.is_available() else "cpu") else "no"


def resolved_compile(options: TrainOptions) -> bool:
    """Whether a run that begins with these options compiles its losses on this machine. Raises MienError if it is asked
    to, and to compute activations again."""
    if options.compile is True and options.checkpoint_activations:
        raise MienError(
            "What is compiled decides by itself which activations are kept: train.compile and "
            "train.checkpoint_activations exclude each other.",
            "--set train.compile=false",
        )
    if options.compile != "auto" or options.checkpoint_activations:
        return options.compile is True
    long_enough = (options.steps or math.inf) >= _STEPS_WORTH_COMPILING
    long_enough = long_enough and (options.minutes or math.inf) >= _MINUTES_WORTH_COMPILING
    return long_enough and torch.cuda.is_available() and find_spec("triton") is not None


def _seeded_model(
    registry: Registry, name: str, settings: dict[str, Any], data: TrainingData, options: TrainOptions
) -> Model:
    set_seed(options.seed)  # the same in every process: all begin with the same weights
    if options.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Filling all new memory guards against reading it before writing, and costs a pass over it.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    model = make_model(registry, name, settings, data.inputs)
    if options.init_from is not None:
        _load_weights(model, Path(options.init_from))
    return model


def _load_weights(model: Model, weights: Path) -> None:
    try:
        tensors = {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("inputs.")}
        load_weights(model, {name: tensor.float() for name, tensor in tensors.items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise MienError(
            f"{weights} cannot be the start of this model: {str(error).splitlines()[-1].strip()}",
            "Give the model the settings that the weights were trained with (run.toml has them).",
        ) from error


def _plugins(
    registry: Registry, model: str, info: DatasetInfo, features: str, recognizer: str | None
) -> list[PluginRecord]:
    named = [("model", model)]
    named += [("extractor", choice.name) for choice in parse_choices(info.extractor)]
    named += [("masker", choice.name) for choice in parse_choices(info.masker)]
    named += [("feature", choice.name) for choice in parse_choices("+".join(filter(None, (features, recognizer))))]
    found = [registry.find(kind, name) for kind, name in dict.fromkeys(named)]
    return [PluginRecord(kind=p.kind, name=p.spec.name, distribution=p.distribution, version=p.version) for p in found]
