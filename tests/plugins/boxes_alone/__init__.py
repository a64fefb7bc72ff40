"""Registers an extractor that knows boxes alone, and a feature that needs landmarks."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """One that finds the person E, and no landmarks."""
    return [PluginSpec("boxes", f"{__name__}.boxes:Boxes", "a box in the middle", contract=2)]


@hookimpl
def register_features() -> list[PluginSpec]:
    """One of the landmarks."""
    return [PluginSpec("nose", f"{__name__}.nose:Nose", "where the nose is", contract=2)]
