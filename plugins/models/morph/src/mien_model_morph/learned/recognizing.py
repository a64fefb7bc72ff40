"""The recognizer that looks are learned by."""

from mien.contracts.model import Model, Recognize
from mien.errors import MienError


def recognizing(model: Model) -> Recognize:
    """The run's recognizer, as a loss needs it. Raises MienError if it has no network."""
    if model.inputs.recognize is None:
        raise MienError(
            "Looks are learned by a recognizer that is a network, and the run's is none.",
            f"mien train MODEL DATASET --run RUN --recognizer {model.recognizer}",
        )
    return model.inputs.recognize
