"""mien swaps faces in pictures and video and keeps their mien: pose, gaze, expression.

Names are imported when they are first used, so that `import mien` loads neither torch nor OpenCV.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.alignment import align as align
    from mien.blender import Blender as Blender
    from mien.dataset.format import Dataset as Dataset
    from mien.dataset.preprocess import preprocess as preprocess
    from mien.errors import MienError as MienError
    from mien.errors import MienWarning as MienWarning
    from mien.evaluation.compare import Comparison as Comparison
    from mien.evaluation.compare import compare as compare
    from mien.evaluation.evaluate import evaluate as evaluate
    from mien.evaluation.report import Evaluation as Evaluation
    from mien.extractor import Extractor as Extractor
    from mien.face import Box as Box
    from mien.face import Face as Face
    from mien.face import FaceCrop as FaceCrop
    from mien.feature import Feature as Feature
    from mien.features import FeatureSet as FeatureSet
    from mien.model import Batch as Batch
    from mien.model import Losses as Losses
    from mien.model import Model as Model
    from mien.model import ModelInputs as ModelInputs
    from mien.model import Stage as Stage
    from mien.pipeline.anonymize import anonymize as anonymize
    from mien.pipeline.swap import swap as swap
    from mien.plugin import Plugin as Plugin
    from mien.plugin import PluginConfig as PluginConfig
    from mien.registry import Registry as Registry
    from mien.run import TrainedRun as TrainedRun
    from mien.run import make_model as make_model
    from mien.training.data import TrainingData as TrainingData
    from mien.training.options import TrainOptions as TrainOptions
    from mien.training.runs import resume as resume
    from mien.training.runs import train as train

_HOMES = {
    "mien.alignment": ("align",),
    "mien.blender": ("Blender",),
    "mien.dataset.format": ("Dataset",),
    "mien.dataset.preprocess": ("preprocess",),
    "mien.errors": ("MienError", "MienWarning"),
    "mien.evaluation.compare": ("Comparison", "compare"),
    "mien.evaluation.evaluate": ("evaluate",),
    "mien.evaluation.report": ("Evaluation",),
    "mien.extractor": ("Extractor",),
    "mien.face": ("Box", "Face", "FaceCrop"),
    "mien.feature": ("Feature",),
    "mien.features": ("FeatureSet",),
    "mien.model": ("Batch", "Losses", "Model", "ModelInputs", "Stage"),
    "mien.pipeline.anonymize": ("anonymize",),
    "mien.pipeline.swap": ("swap",),
    "mien.plugin": ("Plugin", "PluginConfig"),
    "mien.registry": ("Registry",),
    "mien.run": ("TrainedRun", "make_model"),
    "mien.training.data": ("TrainingData",),
    "mien.training.options": ("TrainOptions",),
    "mien.training.runs": ("resume", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
