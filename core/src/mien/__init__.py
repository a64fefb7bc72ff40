"""mien swaps faces in images and video and keeps their mien: pose, gaze, expression.

Names are imported when they are first used, so that `import mien` loads neither torch nor OpenCV.
"""

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.anonymization.anonymize import anonymize as anonymize
    from mien.anonymization.people_policy import PeoplePolicy as PeoplePolicy
    from mien.anonymization.policy import AnonymizeOptions as AnonymizeOptions
    from mien.auditing.audit import audit as audit
    from mien.auditing.options import AuditOptions as AuditOptions
    from mien.auditing.report import AuditReport as AuditReport
    from mien.benchmark.bench import bench as bench
    from mien.benchmark.options import BenchOptions as BenchOptions
    from mien.benchmark.report import BenchReport as BenchReport
    from mien.contracts.blender import Blender as Blender
    from mien.contracts.enhancer import Enhancer as Enhancer
    from mien.contracts.extractor import Extractor as Extractor
    from mien.contracts.face import Box as Box
    from mien.contracts.face import Face as Face
    from mien.contracts.face import FaceCrop as FaceCrop
    from mien.contracts.feature import Feature as Feature
    from mien.contracts.masker import Masker as Masker
    from mien.contracts.model import Batch as Batch
    from mien.contracts.model import Generated as Generated
    from mien.contracts.model import Losses as Losses
    from mien.contracts.model import Model as Model
    from mien.contracts.model import ModelInputs as ModelInputs
    from mien.contracts.model import Stage as Stage
    from mien.contracts.plugin import Plugin as Plugin
    from mien.contracts.plugin import PluginConfig as PluginConfig
    from mien.contracts.target import Given as Given
    from mien.contracts.target import Known as Known
    from mien.contracts.target import Reference as Reference
    from mien.contracts.target import Synthetic as Synthetic
    from mien.contracts.target import Target as Target
    from mien.dataset.format import Dataset as Dataset
    from mien.dataset.options import PreprocessOptions as PreprocessOptions
    from mien.dataset.preprocess import preprocess as preprocess
    from mien.detection.document import FacesDocument as FacesDocument
    from mien.detection.document import write_faces as write_faces
    from mien.detection.find_faces import find_faces as find_faces
    from mien.detection.options import FacesOptions as FacesOptions
    from mien.detection.report import FacesReport as FacesReport
    from mien.errors import MienError as MienError
    from mien.errors import MienWarning as MienWarning
    from mien.evaluation.compare import Comparison as Comparison
    from mien.evaluation.compare import compare as compare
    from mien.evaluation.evaluate import evaluate as evaluate
    from mien.evaluation.options import CompareOptions as CompareOptions
    from mien.evaluation.options import EvaluateOptions as EvaluateOptions
    from mien.evaluation.report import Evaluation as Evaluation
    from mien.evaluation.video_report import VideoEvaluation as VideoEvaluation
    from mien.evaluation.videos import VideoOptions as VideoOptions
    from mien.evaluation.videos import evaluate_video as evaluate_video
    from mien.geometry.alignment import align as align
    from mien.inference.options import SessionOptions as SessionOptions
    from mien.inference.report import AnonymizeReport as AnonymizeReport
    from mien.inference.report import FrameRange as FrameRange
    from mien.inference.report import SwapReport as SwapReport
    from mien.inference.session import Session as Session
    from mien.inference.swap import swap as swap
    from mien.media.part import Part as Part
    from mien.media.verify import FileVerification as FileVerification
    from mien.media.verify import verify as verify
    from mien.plugins.choice import PluginChoice as PluginChoice
    from mien.plugins.extractor_set import ExtractorSet as ExtractorSet
    from mien.plugins.feature_set import FeatureSet as FeatureSet
    from mien.plugins.registry import Registry as Registry
    from mien.sharing.export import export_run as export_run
    from mien.sharing.package import export_package as export_package
    from mien.training.data import TrainingData as TrainingData
    from mien.training.options import TrainOptions as TrainOptions
    from mien.training.run import TrainedRun as TrainedRun
    from mien.training.run import make_model as make_model
    from mien.training.trainer import resume as resume
    from mien.training.trainer import train as train

_HOMES = {
    "mien.auditing.audit": ("audit",),
    "mien.auditing.options": ("AuditOptions",),
    "mien.auditing.report": ("AuditReport",),
    "mien.benchmark.bench": ("bench",),
    "mien.benchmark.options": ("BenchOptions",),
    "mien.benchmark.report": ("BenchReport",),
    "mien.geometry.alignment": ("align",),
    "mien.contracts.blender": ("Blender",),
    "mien.dataset.format": ("Dataset",),
    "mien.dataset.options": ("PreprocessOptions",),
    "mien.dataset.preprocess": ("preprocess",),
    "mien.detection.document": ("FacesDocument", "write_faces"),
    "mien.detection.find_faces": ("find_faces",),
    "mien.detection.options": ("FacesOptions",),
    "mien.detection.report": ("FacesReport",),
    "mien.errors": ("MienError", "MienWarning"),
    "mien.evaluation.compare": ("Comparison", "compare"),
    "mien.evaluation.evaluate": ("evaluate",),
    "mien.evaluation.options": ("CompareOptions", "EvaluateOptions"),
    "mien.evaluation.report": ("Evaluation",),
    "mien.evaluation.video_report": ("VideoEvaluation",),
    "mien.evaluation.videos": ("VideoOptions", "evaluate_video"),
    "mien.contracts.extractor": ("Extractor",),
    "mien.contracts.face": ("Box", "Face", "FaceCrop"),
    "mien.contracts.feature": ("Feature",),
    "mien.plugins.choice": ("PluginChoice",),
    "mien.plugins.extractor_set": ("ExtractorSet",),
    "mien.plugins.feature_set": ("FeatureSet",),
    "mien.contracts.model": ("Batch", "Generated", "Losses", "Model", "ModelInputs", "Stage"),
    "mien.contracts.target": ("Given", "Known", "Reference", "Synthetic", "Target"),
    "mien.contracts.masker": ("Masker",),
    "mien.contracts.enhancer": ("Enhancer",),
    "mien.inference.options": ("SessionOptions",),
    "mien.inference.session": ("Session",),
    "mien.anonymization.anonymize": ("anonymize",),
    "mien.anonymization.people_policy": ("PeoplePolicy",),
    "mien.anonymization.policy": ("AnonymizeOptions",),
    "mien.inference.report": ("AnonymizeReport", "FrameRange", "SwapReport"),
    "mien.inference.swap": ("swap",),
    "mien.contracts.plugin": ("Plugin", "PluginConfig"),
    "mien.media.part": ("Part",),
    "mien.media.verify": ("FileVerification", "verify"),
    "mien.plugins.registry": ("Registry",),
    "mien.sharing.export": ("export_run",),
    "mien.sharing.package": ("export_package",),
    "mien.training.run": ("TrainedRun", "make_model"),
    "mien.training.data": ("TrainingData",),
    "mien.training.options": ("TrainOptions",),
    "mien.training.trainer": ("resume", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(_imported(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien' has no attribute {name!r}")


def _imported(module: str) -> Any:
    """A module, without garbage being collected meanwhile: what torch and the others make as they are imported stays,
    and looking through it again and again takes a tenth of the time. Nor is it looked through as if it were new
    afterwards, twice for a tenth of a second: frozen and thawed, it counts as old."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return import_module(module)
    finally:
        if collects:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
