"""Registers a model, a blender and an extractor that show what the pipeline does with them."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """What it sees, green, or nothing that is finite."""
    return [
        PluginSpec("mirror", f"{__name__}.model:Mirror", "what it sees", contract=2),
        PluginSpec("echo", f"{__name__}.model:Echo", "what it sees and saw", contract=2),
    ]


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """Paste."""
    return [PluginSpec("paste", f"{__name__}.blender:Paste", "the face, pasted", contract=2)]


@hookimpl
def register_extractors() -> list[PluginSpec]:
    """Those of dlib, or none."""
    return [PluginSpec("blinkered", f"{__name__}.extractor:Blinkered", "sees, or not", contract=2)]
