"""Short runs of any installed model, and what tells whether two of them are alike."""

import hashlib
import os
from pathlib import Path

from mien.contracts.model import Model
from mien.plugins.registry import Registry
from mien.training import TrainOptions, train
from mien.training.run import TrainedRun

MODELS = [name for name in Registry().names("model") if Registry().load("model", name).stages is not Model.stages]
"""Those that the loop trains; the others draw as they are, or are fitted."""
FREQUENT = {
    "steps_per_log": 1,
    "steps_per_validation": 2,
    "steps_per_preview": 2,
    "steps_per_checkpoint": 2,
    "expression_faces": 2,
}


def settings_of(name: str) -> tuple[str, int, str]:
    """The model with its preset for small machines if it has one, how many people, and features if it needs some."""
    loaded = Registry().load("model", name)
    assert issubclass(loaded, Model)
    choice = f"{name}:preset=small" if "small" in loaded.Config.presets else name
    return choice, loaded.people[0], "landmarks:points=5" if loaded.needs_features else ""


def begin(name: str, people: list[Path], run: Path, **options: object) -> TrainedRun:
    choice, count, features = settings_of(name)
    train(choice, people[:count], run, features=features, options=TrainOptions(**{**FREQUENT, **options}))
    return TrainedRun.open(run)


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()


def in_environment(environment, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(environment.folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}
