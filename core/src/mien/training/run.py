"""A run on disk: run.toml says how it was made, and with its weights its model draws."""

import hashlib
import shlex
import tomllib
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import tomli_w
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError

from mien.contracts.model import Model, ModelInputs
from mien.contracts.target import TargetKind
from mien.errors import MienError, MienWarning
from mien.geometry.alignment import AlignmentConfig
from mien.media.files import whole_file
from mien.plugins.choice import PluginChoice, changed_settings, parse_choice
from mien.plugins.guard import guarded_stages
from mien.plugins.registry import Registry
from mien.plugins.run_location import RECORD, RunLocation, locate_run
from mien.tracking.recognizer_record import RecognizerRecord
from mien.training.options import TrainOptions
from mien.training.weights import AS_IT_WAS, WEIGHTS, load_weights, read_weights

FORMAT_VERSION = 2
_OF_ONE_RUN = "steps", "minutes", "init_from", "schedule_steps", "precision", "compile"
"""Options that say when it stopped, or what they came to on its machine."""


class PluginRecord(BaseModel):
    """A plugin that the run was made with."""

    kind: str
    name: str
    distribution: str
    version: str


class DatasetRecord(BaseModel):
    """A dataset that the run was trained on."""

    name: str
    path: str | None = None
    """Where it lies; None: the run was exported, which tells nobody."""
    digest: str
    faces: int


class RunRecord(BaseModel):
    """Everything that a run was made with, resolved: no default is left to be guessed later."""

    model_config = ConfigDict(extra="forbid")

    format_version: int = FORMAT_VERSION
    mien_version: str
    torch_version: str
    model: str
    """Name of the model plugin."""
    settings: dict[str, Any]
    """All settings of the model; on disk, "none" stands for None."""
    extractor: str
    masker: str
    features: str
    recognizer: RecognizerRecord | None = None
    """Makes the encodings that a model sees; None: none was installed, or it was not said which of several."""
    alignment: AlignmentConfig
    """How faces are cut out for the model."""
    people: list[str]
    """Names of those it was trained on, if the model draws "known"."""
    people_count: int
    targets: list[TargetKind] = []
    """Whom the model can draw, sorted."""
    training_rows: int
    feature_length: int
    encoding_length: int = 0
    processes: int
    datasets: list[DatasetRecord]
    plugins: list[PluginRecord]
    license: str = ""
    """Under which its weights stand, as whoever exported it says; empty: not stated."""
    data_license: str = ""
    """Under which the data stand that it was trained on, likewise."""
    options: TrainOptions

    def differences(self, registry: Registry) -> list[str]:
        """Which plugins, and which torch, are installed in other versions than the run was made with: a line each.

        Raises MienError for a plugin that is not installed or cannot be used, with what to install.
        """
        versions = {("torch", self.torch_version, str(torch.__version__))}
        for plugin in self.plugins:
            versions.add((plugin.distribution, plugin.version, self._installed(plugin, registry)))
        return [
            f"was made with {name} {before}; {now} is installed."
            for name, before, now in sorted(versions)
            if before != now
        ]

    @staticmethod
    def _installed(plugin: PluginRecord, registry: Registry) -> str:
        try:
            return registry.find(plugin.kind, plugin.name).version
        except MienError as error:
            named = f"{plugin.kind} {plugin.name!r} of {plugin.distribution} {plugin.version}"
            broken = any(failed.distribution == plugin.distribution for failed in registry.broken)
            if broken or plugin.name in registry.names(plugin.kind):  # there, but useless, or there twice
                raise
            raise MienError(
                f"The run was made with the {named}, which is not installed. {error.message}",
                f"pip install '{plugin.distribution}=={plugin.version}'",
            ) from error

    def command(self, run: str, registry: Registry, **more: object) -> str:
        """The command that trains another run as this one was. run: where. more: options of the loop beside its own.

        Raises MienError if its model is not installed.
        """
        loaded, config = registry.configure("model", self.model, self.settings)
        datasets = [dataset.path or "DATASET" for dataset in self.datasets]
        words = ["mien", "train", changed_settings(self.model, config), *datasets, "--run", run]
        if self.features:
            words += ["--features", self.features]
        if self.recognizer and cast(type[Model], loaded).sees_encodings():
            words += ["--recognizer", self.recognizer.choice]
        asked = {key: value for key, value in self.options.changed().items() if key not in _OF_ONE_RUN}
        for key, value in {**asked, **more}.items():
            words += ["--set", f"train.{key}={value}"]
        return shlex.join(words)

    def write(self, run: Path) -> None:
        """Write RUN/run.toml. Raises MienError if it may not be written."""
        values = self.model_dump(mode="json", exclude_none=True)
        # TOML has no null; what was left out would be the setting's default when it is read.
        values["settings"] = {key: "none" if value is None else value for key, value in self.settings.items()}
        with whole_file(run / RECORD) as partial:
            partial.write_bytes(tomli_w.dumps(values).encode())

    @classmethod
    def read(cls, run: Path) -> "RunRecord":
        """Read RUN/run.toml of a folder. Raises MienError if there is none or it is not understood."""
        path = run / RECORD
        if not path.is_file():
            raise MienError(f"{run} is not a run: it has no {RECORD}.", f"mien train MODEL DATASET --run {run}")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            if values.get("format_version") == 1:
                raise _of_contract_1(run, values)
            return cls.model_validate(values)
        except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MienError(
                f"{path} is not understood: {error}.", "Install the version of mien that made the run."
            ) from error


class TrainedRun:
    """A run whose model can draw. Open it with `TrainedRun.open`."""

    def __init__(self, location: RunLocation, record: RunRecord, model: Model, digest: str) -> None:
        self.path = location.path
        """What the user calls it: its folder, or the name of an installed run or of a model that needs none."""
        self.location = location
        """Where its files lie."""
        self.record = record
        self.model = model
        """With its weights, in evaluation mode."""
        self.digest = digest
        """Of the weights: hexadecimal SHA-256."""

    @classmethod
    def open(cls, path: Path | str, registry: Registry | None = None) -> "TrainedRun":
        """Make the run's model and load its weights, as float32 also where they are stored in half precision.

        path: its folder, or the name of an installed run.
        Warns with MienWarning of each plugin that is installed in another version than the run was made with.
        Raises MienError if there is no run, no weights yet, a plugin of it is not installed, or the weights do not fit.
        """
        registry = registry or Registry()
        location = locate_run(path, registry)
        path, folder = location.path, location.folder
        record = RunRecord.read(folder)
        weights = folder / WEIGHTS
        if not weights.is_file():
            raise MienError(f"{path} has no {WEIGHTS} yet.", location.again)
        for line in record.differences(registry):
            warnings.warn(f"{path} {line}", MienWarning, stacklevel=2)
        try:
            tensors, mean, covariance = read_weights(weights)
        except (SafetensorError, KeyError, OSError) as error:
            raise MienError(f"{weights} is damaged or was not written by mien: {error}.", location.again) from error
        inputs = ModelInputs(
            tuple(record.people) or tuple(map(str, range(record.people_count))),
            record.feature_length,
            record.training_rows,
            mean,
            covariance,
            record.encoding_length,
        )
        model = make_model(registry, record.model, record.settings, inputs)
        guarded_stages(model, record.model)
        try:
            load_weights(model, tensors)
        except RuntimeError as error:
            raise MienError(
                f"The weights of {path} do not fit the model {record.model}: {str(error).splitlines()[-1].strip()}",
                AS_IT_WAS,
            ) from error
        return cls(location, record, model.eval(), hashlib.sha256(weights.read_bytes()).hexdigest())

    @property
    def extractor(self) -> str:
        """The extractor that the run's datasets were made with, as a plugin choice."""
        return self.record.extractor

    @property
    def features(self) -> str:
        """The feature set the model draws from; empty if none."""
        return self.record.features

    @property
    def recognizer(self) -> str | None:
        """The recognizer that the run was made with, as a plugin choice; None if it has none."""
        return self.record.recognizer.choice if self.record.recognizer else None

    @property
    def tells_apart(self) -> str | None:
        """The recognizer that tells people apart in what the run draws, as a plugin choice; None: the default one.

        That which it was made with, unless its model names one and draws no references: then it has learned to be
        recognized by that one, which would judge its own pupil.
        """
        return self.recognizer if self.model.recognizer is None or self.model.sees_encodings() else None

    @property
    def alignment(self) -> AlignmentConfig:
        """How faces have to be cut out for this model."""
        return self.record.alignment

    @property
    def people(self) -> tuple[str, ...]:
        """The people that the model draws by name; none if it does not draw "known"."""
        return tuple(self.record.people)

    def person_index(self, name: str) -> int:
        """The number of a person in `Known.people`.

        Raises MienError if the run does not know them, or draws nobody known.
        """
        if not self.people:
            raise MienError(f"The model of {self.path} draws nobody by name; it cannot draw {name!r}.", self.how_to_use)
        if name not in self.people:
            raise MienError(
                f"The run {self.path} knows no {name!r}; it knows {', '.join(self.people)}.", f"--to {self.people[0]}"
            )
        return self.people.index(name)

    @property
    def how_to_use(self) -> str:
        """A command that its model is for."""
        if self.people:
            return f"mien swap {self.path} INPUT OUTPUT --to {self.people[0]}"
        if "reference" in self.model.targets:
            return f"mien swap {self.path} INPUT OUTPUT --reference IMAGE"
        return f"mien anonymize INPUT OUTPUT --with {self.path}"

    @property
    def masker(self) -> str:
        """The maskers that the run's datasets were made with, as a plugin choice."""
        return self.record.masker


def untrained(choice: str, registry: Registry | None = None) -> TrainedRun:
    """A model that needs no training, as if it were a run: it has neither stages nor anything that it has to fit.

    choice: a plugin choice, as `blocks:count=6`. Raises MienError if there is no such model, or it has to be trained.
    """
    registry = registry or Registry()
    parsed = parse_choice(choice)
    found, config = registry.configure("model", parsed)
    loaded = cast(type[Model], found)
    to_train = MienError(
        f"The model {parsed.name!r} has to be trained before it draws.",
        f"mien train {choice} {_people_to_name(loaded)} --run RUN",
    )
    if loaded.people[0] > 1 and loaded.needs_fit:  # nobody is there to make it with
        raise to_train
    nothing = np.zeros(0, np.float32)
    inputs = ModelInputs((), 0, 0, nothing, np.zeros((0, 0), np.float32))
    model = make_model(registry, parsed.name, config.model_dump(mode="json"), inputs)
    guarded_stages(model, parsed.name)
    if not needs_no_run(model):
        raise to_train
    plugin = registry.find("model", parsed.name)
    record = RunRecord(
        mien_version=version("mien-core"),
        torch_version=str(torch.__version__),
        model=parsed.name,
        settings=config.model_dump(mode="json"),
        extractor=_extractor_for(model, registry),
        masker=registry.default("masker"),
        features="",
        alignment=model.alignment or AlignmentConfig(),
        people=[],
        people_count=0,
        targets=sorted(model.targets),
        training_rows=0,
        feature_length=0,
        processes=1,
        datasets=[],
        plugins=[
            PluginRecord(kind="model", name=parsed.name, distribution=plugin.distribution, version=plugin.version)
        ],
        options=TrainOptions(),
    )
    digest = hashlib.sha256(str(PluginChoice(parsed.name, parsed.settings)).encode()).hexdigest()
    return TrainedRun(RunLocation(Path(choice), Path(choice)), record, model.eval(), digest)


def _extractor_for(model: Model, registry: Registry) -> str:
    if model.extractor and parse_choice(model.extractor).name in registry.names("extractor"):
        return model.extractor
    return registry.default("extractor")


def models_without_runs(registry: Registry) -> list[str]:
    """The installed models that need no training, sorted by name."""
    names = []
    for name in registry.names("model"):
        with suppress(MienError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it is to be made with, and is not there
            untrained(name, registry)
            names.append(name)
    return names


def needs_no_run(model: Model) -> bool:
    """Whether a model draws without having been trained: it has neither stages nor anything that it has to fit."""
    return not model.stages() and not (model.fits() and model.needs_fit)


def make_model(registry: Registry, name: str, settings: dict[str, Any], inputs: ModelInputs) -> Model:
    """Make a model from its name and settings.

    registry: where it is looked for. name: of the plugin alone. settings: as values or as text; {"preset": NAME} begins
    with a preset. inputs: what the model is told of the data, as `TrainingData.inputs`.
    Returns it with random weights from torch's global generator, in training mode, on the CPU.
    Raises MienError if it is unknown, a setting is wrong, or it cannot be made for these inputs.
    """
    loaded, config = registry.configure("model", name, settings)
    if not issubclass(loaded, Model):
        raise MienError(f"{name!r} is not a mien.Model.", f"mien plugins show {name}")
    _check_inputs(name, loaded, inputs)
    return registry.made("model", name, lambda: loaded(config, inputs))


def _check_inputs(name: str, model: type[Model], inputs: ModelInputs) -> None:
    fewest, most = model.people
    people = len(inputs.people)
    if people == 0 and (fewest <= 1 or not model.needs_fit):  # nothing to be trained on
        return
    if people < fewest or (most is not None and people > most):
        wanted = str(fewest) if most == fewest else f"{fewest} to {most or 'any number of'}"
        raise MienError(
            f"{name} is trained on {wanted} {'person' if wanted == '1' else 'people'}, "
            f"but {people} were given{': ' if people else ''}{', '.join(inputs.people)}.",
            f"mien train {name} {_people_to_name(model)} --run RUN",
        )
    if model.needs_features and inputs.features == 0:
        raise MienError(
            f"{name} draws from features, but none were named.",
            "--features landmarks+thumbnail:size=8, in this command; mien preprocess --features measures them",
        )


def _people_to_name(model: type[Model]) -> str:
    """What a command that trains it names, as many as it needs at least."""
    fewest = model.people[0]
    return "DATASET" if fewest <= 1 else " ".join(f"PERSON_{number}" for number in range(1, fewest + 1))


def _of_contract_1(run: Path, values: Mapping[str, Any]) -> MienError:
    datasets = " ".join(str(dataset.get("path", "DATASET")) for dataset in values.get("datasets", ()))
    features = f" --features {values['features']}" if values.get("features") else ""
    return MienError(
        f"{run} was made by an earlier mien, whose runs this one does not read.",
        f"mien train {values.get('model', 'MODEL')} {datasets or 'DATASET'} --run {run}-2{features}",
    )
