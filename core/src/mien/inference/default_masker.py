"""What of a drawn face is set into the scene where the user leaves the choice open."""

import warnings

from mien.errors import MienWarning
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry, known_distributions
from mien.training.run import TrainedRun


def default_masker(run: TrainedRun, registry: Registry) -> str:
    """The run's maskers, joined with those installed that the project lists under in_front in known_plugins.toml.

    A model that hides heads draws over what stands in front of them, too: its run's alone.
    """
    if run.model.hides:
        return run.masker
    there = {choice.name for choice in parse_choices(run.masker)}
    installed = registry.names("masker")
    more = [name for name in known_distributions().get("in_front", {}) if name in installed and name not in there]
    return "+".join([run.masker, *more])


def note_without_effect(masker: str, run: TrainedRun) -> None:
    """Warn of maskers that the user chose, which do not change what a model that hides heads covers."""
    warnings.warn(
        f"--masker {masker} changes nothing: {run.record.model} says itself what of a head it hides. Maskers that take "
        "away from that what stands in front, as hands, do change it.",
        MienWarning,
        stacklevel=3,
    )
