"""Registers a plugin of each kind that does as it is told: `faulty:fault=NAME`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """One face in the middle."""
    return [PluginSpec("faulty", f"{__name__}.extractor:FaultyExtractor", "a face, or not", contract=2)]


@hookimpl
def register_features() -> list[PluginSpec]:
    """Two numbers."""
    return [PluginSpec("faulty", f"{__name__}.feature:FaultyFeature", "two numbers, or not", contract=2)]


@hookimpl
def register_maskers() -> list[PluginSpec]:
    """The whole crop."""
    return [PluginSpec("faulty", f"{__name__}.masker:FaultyMasker", "the whole crop, or not", contract=1)]


@hookimpl
def register_models() -> list[PluginSpec]:
    """The face itself."""
    return [PluginSpec("faulty", f"{__name__}.model:FaultyModel", "the face itself, or not", contract=2)]


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    """The image itself."""
    return [PluginSpec("faulty", f"{__name__}.enhancer:FaultyEnhancer", "the image itself, or not", contract=1)]


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """The scene itself."""
    return [PluginSpec("faulty", f"{__name__}.blender:FaultyBlender", "the scene itself, or not", contract=2)]
