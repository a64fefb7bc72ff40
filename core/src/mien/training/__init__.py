"""The one training loop: any model, over Hugging Face Accelerate."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.training.find_rate import LearningRates as LearningRates
    from mien.training.find_rate import find_learning_rate as find_learning_rate
    from mien.training.options import TrainOptions as TrainOptions
    from mien.training.trainer import TrainReport as TrainReport
    from mien.training.trainer import resume as resume
    from mien.training.trainer import train as train

_HOMES = {
    "LearningRates": "find_rate",
    "TrainOptions": "options",
    "TrainReport": "trainer",
    "find_learning_rate": "find_rate",
    "resume": "trainer",
    "train": "trainer",
}
__all__ = ["LearningRates", "TrainOptions", "TrainReport", "find_learning_rate", "resume", "train"]


def __getattr__(name: str) -> Any:
    # On demand, since reading a run's options must not load the loop.
    if name in _HOMES:
        return getattr(import_module(f"mien.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'mien.training' has no attribute {name!r}")
