"""Registers a plugin of each kind that keeps its contract."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """Knows the portraits of the contract tests by heart."""
    return [PluginSpec("well_behaved", f"{__name__}.extractor:Extractor", "knows two portraits", contract=2)]


@hookimpl
def register_features() -> list[PluginSpec]:
    """Mean color, once more with a network that says the same."""
    return [
        PluginSpec("well_behaved", f"{__name__}.feature:Feature", "mean color", contract=2),
        PluginSpec("networked", f"{__name__}.networked:Networked", "mean color, as a network too", contract=2),
    ]


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The crop but for its corners."""
    return [PluginSpec("well_behaved", f"{__name__}.masker:Masker", "a circle", contract=1)]


@hookimpl
def register_models() -> list[PluginSpec]:
    """One convolution."""
    return [PluginSpec("well_behaved", f"{__name__}.model:Model", "a convolution", contract=2)]


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    """Half the contrast."""
    return [PluginSpec("well_behaved", f"{__name__}.enhancer:Enhancer", "half the contrast", contract=1)]


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The face over the scene."""
    return [PluginSpec("well_behaved", f"{__name__}.blender:Blender", "the face over the scene", contract=2)]
