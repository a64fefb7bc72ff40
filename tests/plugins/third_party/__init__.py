"""Registers an extractor, a masker and three features that need no weights."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """One that finds the person E, and one that knows his box alone."""
    return [
        PluginSpec("template", f"{__name__}.template:Template", "a face in the middle", contract=2),
        PluginSpec("boxes", f"{__name__}.template:Boxes", "its box alone", contract=2),
    ]


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """One that goes by the landmarks."""
    return [PluginSpec("outline", f"{__name__}.outline:Outline", "the hull of the landmarks", contract=1)]


@hookimpl
def register_features() -> list[PluginSpec]:
    """One of the crop, one of the scene and one of the landmarks."""
    return [
        PluginSpec("nose", f"{__name__}.points:Nose", "where the nose is", contract=2),
        PluginSpec("tint", f"{__name__}.colors:Tint", "mean color", contract=2),
        PluginSpec("surroundings", f"{__name__}.colors:Surroundings", "mean color of the scene", contract=2),
    ]
